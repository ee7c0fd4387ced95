namespace Pipeline.Core;

/// <summary>What went wrong, as far as the reaction to it differs.</summary>
public enum FaultKind
{
    /// <summary>A dependency does not answer or is busy. Retried with backoff.</summary>
    Unreachable,

    /// <summary>Credentials or rights are missing or refused. Halts, and is looked at again slowly.</summary>
    NotAuthorised,

    /// <summary>A named thing (table, topic, warehouse, file) does not exist. Halts, and is looked at again slowly.</summary>
    Missing,

    /// <summary>Settings or data contradict what is allowed. Halts, and is looked at again slowly.</summary>
    Invalid,

    /// <summary>Records between two positions are gone at the source. Halts the split until an operator decides.</summary>
    Gap,

    /// <summary>Stored data is damaged: a truncated commit, a missing file. Halts, and is looked at again slowly.</summary>
    Damaged,

    /// <summary>It needs more memory, or more time, than it may use. Halts as well, unless it can be done in smaller pieces.</summary>
    TooLarge,

    /// <summary>The disk or bucket is full or read-only. Retried with backoff: space may return.</summary>
    StorageFull,

    /// <summary>An error of this program. Logged with its stack when it is met; whoever met it starts clean after a pause.</summary>
    Defect,
}

public static class FaultKinds
{
    /// <summary>Whether what is outside may change so that the same works later, with nobody acting here.</summary>
    public static bool IsTransient(this FaultKind kind) => kind is FaultKind.Unreachable or FaultKind.StorageFull;

    /// <summary>
    /// Whether whoever met it goes on by himself after a pause: what is away may return, and a defect may not be met by who
    /// starts clean. Everything else waits for somebody to act, and is looked at again slowly.
    /// </summary>
    public static bool IsTriedAgain(this FaultKind kind) => kind.IsTransient() || kind == FaultKind.Defect;
}
