using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>The documents that an engine of a dialect would get for all tables of a graph, without an engine.</summary>
internal static class RenderedRuns
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Two runs of each table: of one that is new, and of one that holds many small files, waiting rows and a truncate.</summary>
    public static async Task<IReadOnlyList<JobDocument>> OfAsync(TransformGraph graph, Func<SilverContract, Schema> bronzeOf, SqlDialect dialect)
    {
        using var lake = new TestLake(graph);
        foreach (var contract in graph.Silver) await lake.Lake.OpenOrCreateAsync(contract.From, bronzeOf(contract), [], ImmutableDictionary<string, string>.Empty, Cancel);
        var documents = new List<JobDocument>();
        foreach (var table in graph.Tables) documents.Add(await OfAsync(lake, table, dialect));
        foreach (var table in graph.Tables) await FillAsync(lake, table);
        foreach (var table in graph.Tables) documents.Add(await OfAsync(lake, table, dialect));
        // Where the lake lies is another place each time.
        return [.. documents.Select(document => document with { Root = "/lake" })];
    }

    /// <summary>Every statement of a document, with what a judge makes of its conditions.</summary>
    public static IEnumerable<(string Name, string Sql)> StatementsOf(JobDocument document) =>
        document.Steps.SelectMany(StatementsOf).Select(statement => ($"{document.Run.Table} {statement.Name}", statement.Sql));

    private static IEnumerable<(string Name, string Sql)> StatementsOf(JobStep step) => step switch
    {
        DefineStep define => define.Otherwise.SelectMany(StatementsOf).Prepend((define.Name, define.Sql)),
        JudgeStep judge => judge.Checks.Select((check, i) => ($"{judge.Name} {i}", $"SELECT _n, CASE WHEN ({check}) THEN 1 END FROM {judge.Name}")).Prepend((judge.Name, judge.Rows)),
        CheckStep check => [("check", check.Sql)],
        FiguresStep figures => [(figures.Name, figures.Sql)],
        _ => [],
    };

    private static async Task<JobDocument> OfAsync(TestLake lake, TableId table, SqlDialect dialect)
    {
        var runner = new JobRunner(lake.Tables, new Renderer(dialect), lake.Options, lake.Time);
        var spec = await lake.Planner.ExpandAsync((await lake.Planner.PlanAsync(table, Cancel))!, dialect, Cancel);
        return (await Assert.ThrowsAsync<Rendered>(() => runner.RunAsync(spec, Cancel))).Document;
    }

    private static async Task FillAsync(TestLake lake, TableId id)
    {
        if (lake.Graph.TrySilver(id) is not null)
        {
            var quarantine = (await lake.Tables.TryOpenAsync(TableId.Quarantine(id.Name), Cancel))!;
            var silver = (await lake.Tables.TryOpenAsync(id, Cancel))!;
            await AppendAsync(quarantine);
            await AppendAsync(silver, new TxnMove(new SourceEnd(0, 7).AppId, null, 7));
            await AppendAsync(await lake.Tables.OpenOrCreateAsync(SilverTables.Deleted(id), silver.Current.Schema.FieldsList, Cancel));
        }
        else
        {
            await AppendAsync((await lake.Tables.TryOpenAsync(id, Cancel))!, new TxnMove(JobPlanner.DefinitionAppId, null, JobPlanner.Fingerprint(lake.Graph.TryGold(id)!.Gold)));
        }
    }

    private static async Task AppendAsync(DeltaTable table, params TxnMove[] moves)
    {
        var adds = Enumerable.Range(0, 16).Select(i => new AddFile($"part-{i.ToString(CultureInfo.InvariantCulture)}'\\.parquet", ImmutableDictionary<string, string?>.Empty, 100, TestLake.Start, DataChange: true, "{\"numRecords\":3}"));
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. adds], Moves = [.. moves] }, Cancel));
    }

    private sealed class Rendered(JobDocument document) : Exception
    {
        public JobDocument Document => document;
    }

    private sealed class Renderer(SqlDialect dialect) : IJobEngine
    {
        public string Name => "renderer";

        public SqlDialect Dialect => dialect;

        public ValueTask<JobHandle> SubmitAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken) => throw new Rendered(JobDocument.Read(document.Span));

        public ValueTask<JobState> ObserveAsync(JobHandle handle, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask CancelAsync(JobHandle handle) => throw new NotSupportedException();
    }
}
