"""States of the reference's debugger, a terminal program that is a state machine itself.

Its recordings can be opened like any other, and these states say what they mean.

Knows nothing of: our own debugger.
"""

from __future__ import annotations

from amlab.core.machine.declare import States
from amlab.core.machine.state import EXCEPTION, Group, State
from amlab.core.states.basic import BasicStates
from amlab.core.states.disposed import DisposedStates
from amlab.core.states.rpc import StateSourceStates

__all__ = ["DebuggerServerStates", "DebuggerStates"]


class DebuggerServerStates(States):
    """Receives what watched machines tell; needs `Start`."""

    ErrGraph = State(require=EXCEPTION)
    """The graph of machines could not be kept up."""
    ConnectEvent = State(multi=True, require="Start")
    """A watched machine has connected."""
    ClientMsg = State(multi=True, require="Start")
    """Transitions of watched machines have come."""
    DisconnectEvent = State(multi=True, require="Start")
    """A watched machine has left."""
    InitClient = State(multi=True, require="Start")
    """A watched machine has told its schema."""


class DebuggerStates(BasicStates, DebuggerServerStates, StateSourceStates, DisposedStates, own_first=True):
    """Views, cursor and filters; a watched machine is a *client* here."""

    Focused = Group(
        "AddressFocused", "ClientListFocused", "TreeGroupsFocused", "TreeFocused", "LogFocused", "LogReaderFocused",
        "MatrixFocused", "TimelineTxsFocused", "TimelineStepsFocused", "Toolbar1Focused", "Toolbar2Focused",
        "Toolbar3Focused", "Toolbar4Focused", "DialogFocused",
    )  # fmt: skip
    Views = Group("MatrixView", "TreeLogView", "TreeMatrixView")
    PlayingGroup = Group("Playing", "Paused", "TailMode", name="Playing")
    ClientTx = Group("SwitchingClientTx", "SwitchedClientTx")
    Filters = Group(
        "FilterAutoTx", "FilterCanceledTx", "FilterEmptyTx", "FilterHealth", "FilterOutGroup", "FilterQueuedTx",
        "FilterAutoCanceledTx",
    )  # fmt: skip
    Dialog = Group("HelpDialog", "ExportDialog")
    Debug = Group(
        Focused, "ExportDialog", "UpdateFocus", "LogReaderVisible", "FocusNext", "FocusPrev", "Overlay", "HelpDialog"
    )
    DiagramsMach = Group()
    Mcp = Group(
        Focused, "UserFwd", "UserBack", "UserFwdStep", "UserBackStep", "ScrollToMutTx", "SwitchingClientTx",
        "SelectingClient", "RemoveClient", "SetCursor", "SetGroup", "StateNameSelected", "FocusNext", "FocusPrev",
        "LogReaderEnabled", "UserNarrowLayout", "TimelineTxHidden", "TimelineStepsHidden",
    )  # fmt: skip
    McpReadonly = Group(Filters, "SwitchedClientTx", "ClientSelected")
    LoadingGroup = Group(
        "SelectingClient", "GcMsgs", "DiagramsStatesRendering", "DiagramsGraphRendering", "DiagramsMachRendering",
        name="Loading",
    )  # fmt: skip

    # Errors and the web.
    ErrDiagrams = State(multi=True, require=EXCEPTION)
    """A diagram could not be drawn."""
    ErrWeb = State(multi=True, require=EXCEPTION)
    """The web server failed."""
    WebReqDiag = State(multi=True, require="Start")
    """A browser asks for a diagram."""
    WebSocketDiag = State(multi=True, require="Start")
    """A browser wants to follow a diagram."""

    # What the user does.
    UserFwd = State(add="Fwd", remove=PlayingGroup)
    """The user goes to the next transition."""
    UserBack = State(add="Back", remove=PlayingGroup)
    """The user goes to the previous transition."""
    UserFwdStep = State(require="ClientSelected", add="FwdStep", remove=(PlayingGroup, "LogUserScrolled"))
    """The user goes to the next step."""
    UserBackStep = State(require="ClientSelected", add="BackStep", remove=(PlayingGroup, "LogUserScrolled"))
    """The user goes to the previous step."""

    # Focus: one of them at a time.
    TreeFocused = State(remove=Focused)
    """Keys go to the tree of states."""
    TreeGroupsFocused = State(remove=Focused)
    """Keys go to the choice of a group above the tree."""
    LogFocused = State(remove=Focused)
    """Keys go to the log."""
    ClientListFocused = State(remove=Focused)
    """Keys go to the list of clients."""
    TimelineTxsFocused = State(remove=Focused)
    """Keys go to the timeline of transitions."""
    TimelineStepsFocused = State(remove=Focused)
    """Keys go to the timeline of steps."""
    MatrixFocused = State(remove=Focused)
    """Keys go to the matrix."""
    DialogFocused = State(remove=Focused)
    """Keys go to the open dialog."""
    Toolbar1Focused = State(remove=Focused)
    """Keys go to the first toolbar."""
    Toolbar2Focused = State(remove=Focused)
    """Keys go to the second toolbar."""
    Toolbar3Focused = State(remove=Focused)
    """Keys go to the third toolbar."""
    Toolbar4Focused = State(remove=Focused)
    """Keys go to the fourth toolbar."""
    LogReaderFocused = State(require="LogReaderVisible", remove=Focused)
    """Keys go to the log reader."""
    AddressFocused = State(remove=Focused)
    """Keys go to the address bar."""

    # Layout.
    Resized = State(multi=True)
    """The terminal has a new size."""
    TimelineTxHidden = State(require="TimelineStepsHidden")
    """The timeline of transitions is out of sight."""
    TimelineStepsHidden = State()
    """The timeline of steps is out of sight."""
    NarrowLayout = State(require="Ready", remove="ClientListVisible")
    """There is little room: the list of clients gives way."""
    UserNarrowLayout = State(add=NarrowLayout)
    """The user wants the narrow layout, however much room there is."""
    ClientListVisible = State()
    """The list of clients is in sight."""
    StateNameSelected = State(multi=True, require="ClientSelected")
    """A state is chosen, in the tree or elsewhere."""
    TimelineStepsScrolled = State(require="ClientSelected")
    """The cursor stands on a step, not on a whole transition."""
    HelpDialog = State(add=DialogFocused, remove=(Dialog, Focused))
    """Help is shown."""
    ExportDialog = State(add=DialogFocused, remove=(Dialog, Focused))
    """The user is asked where to save the session."""
    LogUserScrolled = State(require=LogFocused, remove=("Playing", "TailMode"))
    """The user has moved the log away from the cursor."""
    Ready = State(require="Start", add="UpdateFocus")
    """The screen is drawn and keys are served."""

    # Filters: what the timeline and the log leave out.
    FilterAutoTx = State(remove="FilterAutoCanceledTx")
    """Leave out auto transitions."""
    FilterAutoCanceledTx = State(remove=FilterAutoTx)
    """Leave out auto transitions that were canceled."""
    FilterCanceledTx = State()
    """Leave out canceled transitions."""
    FilterQueuedTx = State()
    """Leave out mutations that were only queued."""
    FilterEmptyTx = State()
    """Leave out transitions that changed nothing and ran no handler."""
    FilterDisconn = State()
    """Leave out clients that are gone."""
    LogTimestamps = State()
    """Show times in the log."""
    FilterTraces = State()
    """Leave out stack traces."""
    FilterHealth = State()
    """Leave out health checks and heartbeats."""
    FilterChecks = State()
    """Leave out checks, which change nothing."""
    FilterRpcMachs = State()
    """Leave out the machines of the network layer."""
    FilterOutGroup = State()
    """Leave out what touches no state of the chosen group."""

    # Work.
    Redraw = State()
    """The screen is to be drawn again."""
    Loading = State()
    """Something takes a while."""
    Start = State(
        add=("LogTimestamps", "FilterHealth", "ClientListFocused", "FilterAutoCanceledTx", "ClientListVisible")
    )
    """The debugger is wanted, with its usual settings."""
    Heartbeat = State(multi=True, require=Start)
    """Time to look at memory and at what can be dropped."""
    GcMsgs = State(add=Loading, remove=("SelectingClient", "SwitchedClientTx", "ScrollToTx", "ScrollToMutTx"))
    """The oldest transitions are being dropped to save memory."""

    # Views: one of three.
    TreeLogView = State(auto=True, require=Start, remove=(Views, "MatrixRain"))
    """Tree and log side by side."""
    MatrixView = State(remove=(Views, "LogReaderVisible"))
    """The matrix alone: which called state touches which."""
    TreeMatrixView = State(remove=(Views, "LogReaderVisible"))
    """Tree and matrix side by side."""

    # Playing: one of three.
    TailMode = State(require="ClientSelected", remove=(PlayingGroup, LogUserScrolled))
    """The cursor stays at the newest transition."""
    Playing = State(require="ClientSelected", remove=(PlayingGroup, LogUserScrolled))
    """The cursor moves on by itself."""
    Paused = State(auto=True, require="ClientSelected", remove=PlayingGroup)
    """The cursor stays where it is."""
    ToggleTool = State(remove="ToolToggled")
    """A button of a toolbar is pressed."""
    ToolToggled = State(remove=ToggleTool)
    """What the button stands for is done."""

    # Where the cursor goes.
    SwitchingClientTx = State(require=Ready, remove="SwitchedClientTx")
    """Going to a transition of a client that may not be chosen yet."""
    SwitchedClientTx = State(require=Ready, remove=SwitchingClientTx)
    """That client is chosen and the cursor stands there."""
    ScrollToMutTx = State(require="ClientSelected")
    """Going to the next, or previous, transition that called or changed a state."""
    MatrixRain = State()
    """The matrix shows many transitions, a row each."""
    MatrixRainSelected = State(multi=True, require=(MatrixRain, "ClientSelected"))
    """A cell of the rain is chosen."""
    LogReaderVisible = State(auto=True, require=(TreeLogView, "LogReaderEnabled"))
    """The log reader is in sight."""
    LogReaderEnabled = State()
    """The user wants the log reader: sources, contexts, waits and pipes taken from the log."""
    UpdateLogScheduled = State(require=Ready)
    """The log is to be brought up to date soon."""
    UpdatingLog = State(require=(Ready, "ClientSelected"), remove="LogUpdated")
    """The log is being brought up to date."""
    LogUpdated = State(require=(Ready, "ClientSelected"), remove=UpdatingLog)
    """The log is up to date with the cursor."""
    UpdateLogReader = State(require=(Ready, LogReaderEnabled))
    """The log reader is to be drawn for the cursor."""

    # Moving the focus.
    UpdateFocus = State(multi=True, require=Ready)
    """Borders and help are drawn for what has the focus."""
    Overlay = State(require=LogReaderFocused)
    """Something lies over the view."""
    AfterFocus = State(multi=True, require=Ready)
    """The focus has moved."""
    FocusPrev = State(multi=True, require=Ready)
    """The focus goes to the previous part of the screen."""
    FocusNext = State(multi=True, require=Ready)
    """The focus goes to the next part of the screen."""
    ToolRain = State(multi=True, require=Ready)
    """The rain is switched on or off from the toolbar."""

    # Moving the cursor.
    Fwd = State(require="ClientSelected", remove=Overlay)
    """The cursor goes to the next transition that passes the filters."""
    Back = State(require="ClientSelected", remove=Overlay)
    """The cursor goes to the previous transition that passes the filters."""
    FwdStep = State(require="ClientSelected")
    """The cursor goes to the next step."""
    BackStep = State(require="ClientSelected")
    """The cursor goes to the previous step."""
    ScrollToTx = State(multi=True, require="ClientSelected", remove=(TailMode, Playing, TimelineStepsScrolled))
    """The cursor goes to a given transition."""
    ScrollToStep = State(require="ClientSelected", remove=(TailMode, Playing))
    """The cursor goes to a given step."""

    # Clients.
    SelectingClient = State(require=Start, add=Loading, remove=("ClientSelected", Overlay))
    """A client is being chosen: its transitions are filtered and its log is built."""
    ClientSelected = State(require=Start, remove=SelectingClient)
    """A client is chosen."""
    TxSelected = State(require=ClientSelected)
    """The cursor stands on a transition."""
    RemoveClient = State(require=ClientSelected)
    """The chosen client is taken out of the list."""
    BuildingLog = State(require=ClientSelected, remove="LogBuilt", after=ClientSelected)
    """The log of the chosen client is being put together."""
    LogBuilt = State(require=ClientSelected, remove=BuildingLog)
    """The log of the chosen client is there."""
    SetCursor = State(require=Ready)
    """The cursor is set from outside."""
    SetGroup = State(multi=True, require=ClientSelected)
    """A group of states is chosen."""
    SshServer = State(require=Start)
    """The screen is also served over SSH."""
    SshDisconn = State(multi=True, require=SshServer)
    """Somebody has left the SSH server."""

    # Diagrams.
    DiagramsGraphRendering = State(multi=True, require=Ready, add=Loading, remove="DiagramsGraphReady")
    """The graph of all machines is being drawn."""
    DiagramsGraphReady = State(require=Ready, remove=DiagramsGraphRendering)
    """The graph of all machines is drawn."""
    DiagramsMachRendering = State(multi=True, require=ClientSelected, add=Loading, remove="DiagramsMachReady")
    """The diagram of the chosen machine is being drawn."""
    DiagramsMachReady = State(require=ClientSelected, remove=DiagramsMachRendering)
    """The diagram of the chosen machine is drawn."""
    DiagramsStatesRendering = State(multi=True, require=ClientSelected, add=Loading, remove="DiagramsStatesReady")
    """The diagram of some states is being drawn."""
    DiagramsStatesReady = State(require=ClientSelected, remove=DiagramsStatesRendering)
    """The diagram of some states is drawn."""
