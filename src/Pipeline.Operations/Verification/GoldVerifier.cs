using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Verification;

/// <summary>Whether a Gold table holds what its query returns of the versions that it was made from: counts and keys.</summary>
internal static class GoldVerifier
{
    private static readonly DuckDbSettings Settings = new(MemoryBytesMax: 256L << 20, Threads: 2, Path.GetTempPath());

    public static async Task<CheckedTable> CheckQueryAsync(Lake lake, TransformGraph graph, GoldNode gold, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken) =>
        new(gold.Table, new TableCheck.Query(), await GoldComparison.OfAsync(Settings, lake, graph, gold, table, snapshot, cancellationToken) switch
        {
            GoldComparison.Redefined => new DefinitionHasChanged(),
            GoldComparison.NotKept(var input, var version) => new InputIsNotKept(input, version),
            GoldComparison.Compared { Missing: 0, Strange: 0 } same when same.Rows == same.QueryRows => new QueryReturnsTheSame(same.Rows),
            GoldComparison.Compared(var rows, var queryRows, var missing, var strange) => new QueryReturnsOthers(rows, queryRows, missing, strange),
            var other => throw new InvalidOperationException($"Unknown comparison {other}."),
        });
}
