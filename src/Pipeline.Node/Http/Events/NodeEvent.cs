using Pipeline.Core;

namespace Pipeline.Node.Http.Events;

/// <summary>What kind of thing has happened.</summary>
internal enum NodeEventKind
{
    /// <summary>Rows of a source are in Bronze.</summary>
    Committed,

    /// <summary>A Silver or Gold table has a new version.</summary>
    Advanced,

    /// <summary>A table waits for somebody to mend something.</summary>
    Halted,

    /// <summary>Something that a table needs does not answer; it is tried again.</summary>
    Retried,

    /// <summary>A table goes on.</summary>
    Resumed,
}

/// <summary>Something that has happened to a table.</summary>
/// <param name="Version">Of a commit; of several that came within a moment, the last.</param>
/// <param name="Rows">Of a commit; of several, their sum.</param>
/// <param name="Fault">Of a table that gets no further.</param>
internal sealed record NodeEvent(NodeEventKind Kind, DateTimeOffset At, TableId Table, long? Version = null, long? Rows = null, Fault? Fault = null);
