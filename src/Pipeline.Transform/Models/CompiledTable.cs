using System.Collections.Immutable;
using System.Text;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Models;

/// <summary>
/// The SQL of a table's run as a script: the steps of its document, in their order. It is that of a first run over tables without rows, planned at
/// the beginning of 1970: a later one has other files, versions and moments, and the same statements.
/// </summary>
public static class CompiledTable
{
    /// <summary>Only the version of the key would be another; it is no secret.</summary>
    private const string AnyKey = "any key, since statements have none of it";

    /// <param name="lake">The Bronze table has the columns that it has there; those that its contract reads, where there is none.</param>
    /// <exception cref="PipelineException">The engine does not run the table, or the lake cannot be read.</exception>
    public static async Task<string> SqlAsync(TransformGraph graph, TransformOptions options, Lake lake, TableId table, SqlDialect dialect, CancellationToken cancellationToken)
    {
        var contract = graph.TrySilver(table);
        if (dialect == SqlDialect.Spark && contract is { Masks: true })
            throw new PipelineException(FaultKind.Invalid, $"Table {table}", "it masks, so that it is made in process only: the key of masks does not leave the node", "Compile it with --engine duckdb.");
        if (dialect == SqlDialect.Spark && graph.UnportableOf(table).FirstOrDefault() is { } unportable)
            throw new PipelineException(FaultKind.Invalid, $"Table {table}", $"Spark would give another answer ({unportable})", "Write it as told, or compile it with --engine duckdb.");
        using var session = DuckDbSession.Open(DuckDbEngine.SettingsOf(options), cancellationToken);
        var scratch = new Lake(new LocalObjectStore(Path.Combine(session.ScratchDirectory, "lake")), TimeProvider.System);
        var tables = new OpenTables(scratch);
        var inputs = ImmutableArray.CreateBuilder<PinnedInput>();
        if (contract is not null)
        {
            var columns = (await lake.TryOpenAsync(contract.From, cancellationToken))?.Current.Schema.FieldsList ?? ModelBronze.ColumnsOf(contract, ImmutableDictionary<string, Apache.Arrow.Types.IArrowType>.Empty, []);
            await CreateAsync(scratch, contract.From, columns, cancellationToken);
            inputs.Add(new PinnedInput(contract.From, After: null, Version: 0));
        }

        var planner = new JobPlanner(tables, graph, options with { MaskKey = options.MaskKey ?? new Secret(AnyKey) }, TimeProvider.System);
        var pins = new JobPins { Table = table, Run = 1, RequestedAt = DateTimeOffset.UnixEpoch, Inputs = inputs.ToImmutable(), Targets = [] };
        var spec = await planner.ExpandAsOfTodayAsync(pins, dialect, cancellationToken);
        var before = await CreateAsync(scratch, table, spec.Columns.Select(column => column.ToField()), cancellationToken);
        var document = contract is not null ? new SilverSteps(spec, before, quarantine: null, deleted: null).Document("", _ => false)
            : spec.Kind == JobKind.Merge ? GoldSteps.Merge(spec, "", before, new MergeSql(dialect, "target", table, before, spec.Columns, spec.Key)) : GoldSteps.Full(spec, "");
        return Script(document);
    }

    private static async ValueTask<Snapshot> CreateAsync(Lake lake, TableId id, IEnumerable<Field> columns, CancellationToken cancellationToken) =>
        (await lake.OpenOrCreateAsync(id, new Schema(columns, null), [], ImmutableDictionary<string, string>.Empty, cancellationToken)).Current;

    private static string Script(JobDocument document)
    {
        var script = new StringBuilder($"-- {document.Run.Table}, a run on {document.Dialect}\n");
        foreach (var relation in document.Relations) script.Append($"-- {relation.Name}: {(relation.Origin ? "files, with place, of " : "files of ")}{relation.Location} ({string.Join(", ", relation.Columns.Select(column => $"{column.Name} {column.Type}"))})\n");
        foreach (var step in document.Steps) script.Append('\n').Append(Text(step, document.Dialect));
        return script.ToString();
    }

    private static string Text(JobStep step, string dialect) => step switch
    {
        DefineStep define => $"{(define.Otherwise.IsEmpty ? "" : "-- Where a rule fails on a row, rules are judged row by row in place of this.\n")}{Create(define, dialect)} AS\n{Closed(define.Sql)}",
        CheckStep check => $"-- No row may come of this: \"{check.Fault.Cause}\".\n{Closed(check.Sql)}",
        WriteStep write => $"-- Written to {write.Output}{(write.As is { } name ? $", and read as {name}" : "")}.\n{Closed($"SELECT * FROM {write.From}")}",
        FiguresStep figures => $"-- Figures: {figures.Name}.\n{Closed(figures.Sql)}",
        _ => throw new ArgumentOutOfRangeException(nameof(step), step, "No step of a table's run."),
    };

    private static string Create(DefineStep define, string dialect) => (dialect == SqlDialect.Spark.Engine, define.Keep) switch
    {
        (true, true) => $"CACHE TABLE {define.Name}",
        (true, false) => $"CREATE TEMPORARY VIEW {define.Name}",
        (false, true) => $"CREATE TEMP TABLE {define.Name}",
        _ => $"CREATE TEMP VIEW {define.Name}",
    };

    private static string Closed(string sql) => $"{sql.ReplaceLineEndings("\n").TrimEnd()}\n;\n";
}
