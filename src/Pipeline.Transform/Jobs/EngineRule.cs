using Pipeline.Core;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Jobs;

/// <summary>The engine of a run.</summary>
/// <param name="Why">For people, without a full stop; null: there is no other.</param>
public sealed record EngineChoice(EngineKind Engine, string? Why);

/// <summary>
/// Which engine executes a run: a function of what is configured and how much the run reads. Spark costs seconds before its first row
/// and is worth them beyond one machine.
/// </summary>
public static class EngineRule
{
    /// <summary>Whether it depends on how much is read.</summary>
    /// <param name="ofTable">The table's own setting; null: it has none.</param>
    public static bool Weighs(EngineKind? ofTable, TransformOptions options) => Wanted(ofTable, options) == EngineKind.Auto && options.SparkEngines.Length > 0;

    /// <summary>Whether Spark may execute a run of the table.</summary>
    public static bool MayBeSpark(EngineKind? ofTable, TransformOptions options) => Wanted(ofTable, options).IsSpark() || Weighs(ofTable, options);

    /// <summary>Why a table that masks is made in this process, whatever is configured.</summary>
    public const string OfMasks = "it masks, and the key stays in this process";

    /// <summary>Whether Spark may execute a run of a table of the graph.</summary>
    public static bool MayBeSpark(TransformGraph graph, TableId table, TransformOptions options) => graph.TrySilver(table) is not { Masks: true } && MayBeSpark(graph.EngineOf(table), options);

    /// <summary>The tables that mask and are made in this process, though Spark is set up and executes others.</summary>
    public static IReadOnlyList<TableId> KeptByMasks(TransformGraph graph, TransformOptions options) =>
        [.. graph.Silver.Where(contract => contract.Masks && MayBeSpark(contract.Engine, options)).Select(contract => contract.Table)];

    /// <param name="bytes">Of Parquet to be read in one run.</param>
    public static EngineChoice Choose(EngineKind? ofTable, long bytes, TransformOptions options)
    {
        if (Wanted(ofTable, options) is var wanted and not EngineKind.Auto)
            return new EngineChoice(wanted, wanted == EngineKind.Duckdb && options.SparkEngines.IsEmpty ? null : $"configured for {(ofTable is null ? "all tables" : "this table")}");
        if (options.SparkEngines.IsEmpty) return new EngineChoice(EngineKind.Duckdb, null);
        return bytes >= options.EngineAutoBytes
            ? new EngineChoice(options.SparkEngines[0], $"auto: {Size(bytes)} to be read, from {Size(options.EngineAutoBytes)} on Spark is worth its start")
            : new EngineChoice(EngineKind.Duckdb, $"auto: {Size(bytes)} to be read, less than {Size(options.EngineAutoBytes)}");
    }

    private static EngineKind Wanted(EngineKind? ofTable, TransformOptions options) => ofTable ?? options.Engine;

    private static string Size(long bytes) => bytes switch
    {
        >= 1_000_000_000_000 => $"{bytes / 1e12:0.#} TB",
        >= 1_000_000_000 => $"{bytes / 1e9:0.#} GB",
        >= 1_000_000 => $"{bytes / 1e6:0.#} MB",
        _ => $"{bytes} B",
    };
}
