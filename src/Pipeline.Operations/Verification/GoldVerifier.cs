using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Gold;

namespace Pipeline.Operations.Verification;

/// <summary>Whether a Gold table holds what its query returns of the versions that it was made from.</summary>
internal static class GoldVerifier
{
    private static readonly DuckDbSettings Settings = new(MemoryBytesMax: 256L << 20, Threads: 2, Path.GetTempPath());

    public static async Task<CheckedTable> CheckQueryAsync(Lake lake, GoldDefinition gold, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken) =>
        new(gold.Table, new TableCheck.Query(), await BehindAsync(lake, gold, snapshot, cancellationToken) ?? (Evidence)(await GoldComparison.OfAsync(Settings, lake, gold, table, snapshot, cancellationToken) switch
        {
            GoldComparison.Redefined => new DefinitionHasChanged(),
            GoldComparison.NotKept(var input, var version) => new InputIsNotKept(input, version),
            GoldComparison.Compared { Missing: 0, Strange: 0, Changed: 0 } same when same.Rows == same.QueryRows => new QueryReturnsTheSame(same.Rows),
            GoldComparison.Compared(var rows, var queryRows, var missing, var strange, var changed) => new QueryReturnsOthers(rows, queryRows, missing, strange, changed),
            var other => throw new InvalidOperationException($"Unknown comparison {other}."),
        }));

    /// <summary>An input that is there and has not the version that the table was made from.</summary>
    private static async Task<InputIsBehind?> BehindAsync(Lake lake, GoldDefinition gold, Snapshot snapshot, CancellationToken cancellationToken)
    {
        foreach (var (input, _) in gold.Inputs)
            if (snapshot.Position(input) is { } version && await lake.TryOpenAsync(input, cancellationToken) is { Current: var current } && current.Version < version)
                return new InputIsBehind(input, version, current.Version);
        return null;
    }
}
