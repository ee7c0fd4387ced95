namespace Pipeline.Transform.Coordination;

/// <summary>
/// How many Bronze rows a table's runs read when the configured number does not fit into memory: half of those that did
/// not fit, and with each run that succeeds an eighth more.
/// </summary>
internal static class RunSize
{
    /// <summary>The rows of the next run after one that was too large; null when a run cannot be made smaller.</summary>
    /// <param name="rows">What the run read; null when fewer rows would be of no use to it.</param>
    /// <param name="rowsMax">What it was planned with: it has read more only because commits are read whole.</param>
    public static long? Smaller(long? rows, long rowsMax) => rows > 1 && rows <= rowsMax ? rows / 2 : null;

    /// <summary>The rows of the next run after one that succeeded; null: as many as configured.</summary>
    public static long? Larger(long? rowsMax, long configured) =>
        rowsMax is { } rows && rows + rows / 8 + 1 is var more && more < configured ? more : null;
}
