using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Operations.Verification;
using Pipeline.Testing;
using Pipeline.Transform;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tests.Verification;

/// <summary>
/// A source that nobody has met: its columns have names of its own, and those that other sources use hold something else
/// there. What it declares of them is enough for Silver and for verification.
/// </summary>
public sealed class MadeUpSourceSpec : IDisposable
{
    private static readonly TableId Readings = TableId.Bronze("machines", "readings");

    /// <summary>Numbered records in shards; <c>_offset</c> and <c>value</c> are columns of a user.</summary>
    private static readonly IReadOnlyList<Field> Records = BronzeOf(
        Of("_shard", Int32Type.Default).As(BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split),
        Of("_serial", Int64Type.Default).As(BronzeRole.Orders | BronzeRole.Number),
        Of("body", StringType.Default).As(BronzeRole.Document), Of("_offset", Int64Type.Default), Of("value", StringType.Default));

    /// <summary>Changes of a log, several to a position; <c>_sequence</c> and <c>_changed</c> are columns of a user.</summary>
    private static readonly IReadOnlyList<Field> Changes = BronzeOf(
        Of("id", Int64Type.Default), Of("name", StringType.Default), Of("_filled", StringType.Default).As(BronzeRole.Changed),
        Of("_step", Int64Type.Default).As(BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog), Of("_sequence", Int64Type.Default), Of("_changed", StringType.Default));

    private readonly ScratchDirectory _directory = new("made-up-");
    private readonly HeldClock _time = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));
    private readonly TransformOptions _options;
    private readonly Lake _lake;

    public MadeUpSourceSpec()
    {
        _options = new TransformOptions { TempDirectory = Path.Combine(_directory, "tmp") };
        _lake = new Lake(new LocalObjectStore(Path.Combine(_directory, "lake")), _time);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Numbered_records_become_Silver_and_are_proved_there_once()
    {
        var graph = GraphOf("format = json, columns { id { type = long }, reading { type = string }, label { type = string, from = value } }");
        // The same place in both shards: the greater shard wins, though its _offset is the smaller one.
        await AppendAsync(Records, [new("machines/readings/0", null, 2), new("machines/readings/1", null, 1)],
            """0, 0, '{"id":1,"reading":"a"}', 9, 'L1', 'c', 0""", """0, 1, '{"id":2,"reading":"b"}', 8, 'L2', 'c', 1""", """1, 0, '{"id":1,"reading":"c"}', 7, 'L3', 'c', 0""");

        await RunAsync(graph);

        Assert.Equal(["1|c|L3", "2|b|L2"], await RowsAsync("id, reading, label"));
        var checks = await VerifyAsync(graph);
        Assert.All(checks, check => Assert.True(check.IsSound, check.ToString()));
        Assert.Contains(new CheckedTable(Readings, new TableCheck.Numbers("_shard", "_serial"), new RecordsAreThereOnce(3, 0, 0)), checks);
        Assert.Contains(new CheckedTable(TableId.Silver("readings"), new TableCheck.Fates(Readings), new FatesBalance(3, new RowFates(2, 0, 1, 0), Unread: 0)), checks);

        await AppendAsync(Records, [new("machines/readings/0", 2, 3)], """0, 1, '{"id":2,"reading":"b"}', 8, 'L2', 'c', 2""");

        Assert.Contains(new RecordsAreThereTwice("0", 1), (await VerifyAsync(graph)).Select(check => check.Found));
    }

    [Fact]
    public async Task Changes_of_a_log_keep_what_they_do_not_carry_and_a_truncate_removes_what_came_before_it()
    {
        var graph = GraphOf("columns { id { type = long }, name { type = string } }");
        // In one place of the log: the order of _step, against that of _sequence. The split counts something else.
        await AppendAsync(Changes, [new("machines/log", null, 5)],
            "1, 'kept', NULL, 0, 9, 'id', 'c', 100", "1, NULL, 'id', 1, 8, 'id,name', 'u', 100", "2, 'new', NULL, 2, 7, 'id', 'c', 100");
        await RunAsync(graph);
        var before = await RowsAsync("id, name");

        await AppendAsync(Changes, [new("machines/log", 5, 6)],
            "3, 'gone', NULL, 0, 9, 'id', 'c', 200", "NULL, NULL, NULL, 1, 8, NULL, 't', 200", "4, 'after', NULL, 2, 7, 'id', 'c', 200");
        await RunAsync(graph);

        Assert.Equal(["1|kept", "2|new"], before);
        Assert.Equal(["4|after"], await RowsAsync("id, name"));
        Assert.All(await VerifyAsync(graph), check => Assert.True(check.IsSound, check.ToString()));
    }

    private static Field Of(string name, IArrowType type) => new(name, type, nullable: true);

    private static IReadOnlyList<Field> BronzeOf(params Field[] columns) => [.. columns, BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField];

    private TransformGraph GraphOf(string contract)
    {
        var text = $"silver {{ readings {{ from = {Readings}, key = [id], {contract} }} }}";
        var problems = new List<ConfigProblem>();
        var root = new SettingsReader(HoconReader.Read("made-up.conf", _ => text, _ => null), "", problems);
        var graph = TransformGraph.Bind(root.Section("silver"), root.Section("gold"), [Readings]);
        Assert.Empty(problems);
        return graph;
    }

    /// <summary>Commits rows as SQL values, without <c>_ingested_at</c>, with the moves of their splits.</summary>
    private async Task AppendAsync(IReadOnlyList<Field> columns, TxnMove[] moves, params string[] rows)
    {
        var table = await _lake.OpenOrCreateAsync(Readings, new Schema(columns, null), [], new Dictionary<string, string>(StringComparer.Ordinal), Cancel);
        using var session = OpenSession();
        var names = Sql.Names(columns.Select(column => column.Name));
        var at = _time.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        var adds = await ParquetCopy.WriteAsync(session, table, columns,
            $"SELECT * FROM (VALUES {string.Join(", ", rows.Select(row => $"({row}, TIMESTAMPTZ '{at}+00')"))}) AS t({names})", _time.GetUtcNow(), Cancel);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. adds], Moves = [.. moves] }, Cancel));
    }

    private async Task RunAsync(TransformGraph graph)
    {
        var tables = new OpenTables(_lake);
        var planner = new JobPlanner(tables, graph, _options, _time);
        var pins = Assert.IsType<JobPins>(await planner.PlanAsync(TableId.Silver("readings"), Cancel));
        await new JobRunner(tables, new DuckDbEngine(tables.Lake.Store, _options), _options, _time).RunAsync(await planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);
    }

    private async Task<IReadOnlyList<string>> RowsAsync(string columns)
    {
        var table = Assert.IsType<DeltaTable>(await _lake.TryOpenAsync(TableId.Silver("readings"), Cancel));
        using var session = OpenSession();
        var rows = await TableFiles.RelationAsync(session, _lake.Store, table.Path, table.Current.Schema.FieldsList, [.. table.Current.Files.Select(file => file.Path)], withOrigin: false, Cancel);
        return [.. session.Rows($"SELECT {columns} FROM ({rows}) ORDER BY 1").Select(row => string.Join('|', row))];
    }

    private async Task<List<CheckedTable>> VerifyAsync(TransformGraph graph) => await new LakeVerifier(_lake, LakeTables.Of(graph, [])).VerifyAsync(Cancel).ToListAsync(Cancel);

    private DuckDbSession OpenSession() => DuckDbSession.Open(new DuckDbSettings(256L << 20, 2, _options.TempDirectory), Cancel);
}
