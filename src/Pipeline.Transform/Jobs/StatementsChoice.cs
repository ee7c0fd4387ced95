namespace Pipeline.Transform.Jobs;

/// <summary>Where the statements of a run are taken from.</summary>
internal enum StatementsSource
{
    /// <summary>They lie beside the table.</summary>
    Kept,

    /// <summary>This node's contract makes the same: they are kept before anything of the run is committed.</summary>
    OfToday,

    /// <summary>This node's contract makes others, and nobody has begun the run: it is planned anew.</summary>
    OfAnotherContract,

    /// <summary>The run has begun, and its statements are nowhere: nothing is finished by guess.</summary>
    Lost,
}

/// <summary>Which statements finish a run: those that it was planned with, or none.</summary>
internal static class StatementsChoice
{
    /// <param name="planned">By their SHA-256.</param>
    /// <param name="isKept">Whether they lie beside the table.</param>
    /// <param name="today">Those that this node's contract makes; null: nobody has asked.</param>
    /// <param name="isBegun">Whether this run has committed to its table, and no other of its number.</param>
    public static StatementsSource Of(string planned, bool isKept, string? today, bool isBegun) =>
        isKept ? StatementsSource.Kept : today == planned ? StatementsSource.OfToday : isBegun ? StatementsSource.Lost : StatementsSource.OfAnotherContract;
}
