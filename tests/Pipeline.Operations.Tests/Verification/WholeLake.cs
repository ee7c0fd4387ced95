using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Ingest;
using Pipeline.Ingest.Committer;
using Pipeline.Operations.Tables;
using Pipeline.Operations.Verification;
using Pipeline.Testing;
using Pipeline.Transform;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Operations.Tests.Verification;

/// <summary>
/// A small lake of all three layers, made by what makes every lake: stages that a committer commits, runs of Silver and Gold. A topic of two
/// partitions with dead letters, a captured table with deletes, a watermark table.
/// </summary>
internal sealed class WholeLake : IDisposable
{
    public static readonly TableId Events = TableId.Bronze("events", "user_events");
    public static readonly TableId Letters = TableId.DeadLetter("events");
    public static readonly TableId Users = TableId.Bronze("app", "users");
    public static readonly TableId Orders = TableId.Bronze("crm", "customer_orders");
    public static readonly TableId SilverEvents = TableId.Silver("user_events");
    public static readonly TableId SilverUsers = TableId.Silver("users");
    public static readonly TableId SilverOrders = TableId.Silver("customer_orders");
    public static readonly TableId Totals = TableId.Gold("dim_users");
    public static readonly TableId Quality = TableId.Silver("_quality");
    public static readonly TableId Quarantine = TableId.Quarantine("user_events");
    public static readonly TableId DeletedUsers = TableId.Silver("users__deleted");
    public static readonly TableId[] All = [Events, Letters, Users, Orders, SilverEvents, SilverUsers, SilverOrders, Totals, Quality, Quarantine, DeletedUsers];

    private const string Configuration = """
        silver {
          user_events { from = bronze/events/user_events, format = json, key = [event_id], columns { event_id { type = long }, user_id { type = long }, kind { type = string } },
            rules = [{ name = known, check = "kind <> 'bad'", severity = quarantine }] }
          users { from = bronze/app/users, key = [user_id], columns { user_id { type = long }, name { type = string } } }
          customer_orders { from = bronze/crm/customer_orders, key = [order_id], columns { order_id { type = long }, total { type = "decimal(10,2)" } } }
        }
        gold { dim_users { sql = "totals.sql", key = [name], materialization = merge } }
        """;

    private const string TotalsSql = """
        SELECT u.name AS name, count(*) AS events, CAST(sum(e.event_id) AS DOUBLE) / 3 AS weight
        FROM silver.user_events AS e JOIN silver.users AS u ON u.user_id = e.user_id GROUP BY u.name
        """;

    private static readonly IReadOnlyList<Field> EventColumns =
    [
        new Field("_partition", Int32Type.Default, nullable: false).As(BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split),
        new Field("_offset", Int64Type.Default, nullable: false).As(BronzeRole.Orders | BronzeRole.Number),
        new Field("value", StringType.Default, nullable: true).As(BronzeRole.Document), BronzeColumns.OpField, BronzeColumns.PositionField,
    ];

    private static readonly IReadOnlyList<Field> UserColumns =
    [
        new Field("user_id", Int64Type.Default, nullable: true), new Field("name", StringType.Default, nullable: true),
        new Field("_sequence", Int64Type.Default, nullable: true).As(BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog),
        new Field("_changed", StringType.Default, nullable: true).As(BronzeRole.Changed), BronzeColumns.OpField, BronzeColumns.PositionField,
    ];

    private static readonly IReadOnlyList<Field> OrderColumns =
        [new Field("order_id", Int64Type.Default, nullable: true), new Field("total", new Decimal128Type(10, 2), nullable: true), BronzeColumns.OpField, BronzeColumns.PositionField];

    /// <summary>Checked once: that takes longer than most tests.</summary>
    private static readonly Lazy<TransformGraph> Checked = new(GraphOf);

    /// <summary>Made once: every test takes a copy.</summary>
    private static readonly Lazy<Task<WholeLake>> Made = new(MakeAsync);

    private readonly ScratchDirectory _directory = new("whole-lake-");
    private readonly TransformOptions _options;

    private WholeLake(DateTimeOffset? at = null)
    {
        Time = new HeldClock(at ?? new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));
        Directory = Path.Combine(_directory, "lake");
        _options = new TransformOptions { TempDirectory = Path.Combine(_directory, "tmp"), MaskKey = new Secret("a key of thirty-two letters or more") };
    }

    public string Directory { get; }

    public FakeTimeProvider Time { get; }

    public TransformGraph Graph => Checked.Value;

    public Lake Lake => new(new LocalObjectStore(Directory), Time);

    /// <summary>What a node of this configuration records.</summary>
    public LakeTables Tables => LakeTables.Of(Graph, [new(Events, false), new(Users, false), new(Orders, true)]);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A copy of another lake, whose tables have the same names.</summary>
    public static WholeLake CopyOf(string directory)
    {
        var copy = new WholeLake(new DateTimeOffset(System.IO.Directory.GetLastWriteTimeUtc(directory)));
        CopyDirectory(directory, copy.Directory);
        return copy;
    }

    /// <summary>A copy of the lake, as it was made.</summary>
    public static async Task<WholeLake> CopyAsync()
    {
        var made = await Made.Value;
        var copy = new WholeLake();
        CopyDirectory(made.Directory, copy.Directory);
        return copy;
    }

    public static void CopyDirectory(string from, string to)
    {
        foreach (var file in System.IO.Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }

    public void Dispose() => _directory.Dispose();

    public async Task<VerifyLakeResult> VerifyAsync(bool isDeep = false) => await VerifyLake.RunAsync(new VerifyLakeRequest(isDeep), () => null, Lake, Cancel);

    public async Task<DeltaTable> OpenAsync(TableId id) => Assert.IsType<DeltaTable>(await Lake.TryOpenAsync(id, Cancel));

    public string DirectoryOf(TableId id) => Path.Combine(Directory, id.ToString());

    public string CommitOf(TableId id, long version) => Path.Combine(DirectoryOf(id), "_delta_log", $"{version:D20}.json");

    /// <summary>Records of a topic: SELECTs of <c>_partition, _offset, value</c>; letters by their offsets; how far each partition goes.</summary>
    /// <param name="reading">The epoch in which they are read again in the order of the first; null: they are of the first.</param>
    public async Task AppendEventsAsync(string rows, (int Partition, long? From, long To)[] moves, (int Partition, long Offset)[]? letters = null, long unused = 0, int? reading = null)
    {
        Field[] again = reading is null ? [] : [BronzeColumns.ReadingField];
        var said = reading is { } epoch ? $", {epoch.ToString(CultureInfo.InvariantCulture)}::INTEGER" : "";
        // Letters are committed before the rows beside them: those that are there already are not written again.
        var at = (await Lake.TryOpenAsync(Letters, Cancel))?.Current;
        (int Partition, long Offset)[] unwritten = [.. (letters ?? []).Where(letter => !(at?.Position(Split(letter.Partition)) > letter.Offset))];
        if (unwritten.Length > 0)
        {
            var dead = string.Join(" UNION ALL ", unwritten.Select(letter => $"SELECT 'user_events', '{Split(letter.Partition)}', {letter.Offset}::BIGINT, 'too_large', 'it is too large', NULL::BLOB, NULL::BLOB, NULL::VARCHAR, NULL::TIMESTAMPTZ{said}"));
            await StageAsync(Letters, [.. DeadLetterColumns.SourceSchema.FieldsList, .. again], dead, [.. moves.Where(move => unwritten.Any(letter => letter.Partition == move.Partition))
                .Select(move => new StagedRange(Split(move.Partition), at?.Position(Split(move.Partition)), move.To, reading))], letters: 0, unused: 0);
        }

        await StageAsync(Events, [.. EventColumns, .. again], $"SELECT _partition, _offset, value, 'c', _offset{said} FROM ({rows})", [.. moves.Select(move => new StagedRange(Split(move.Partition), move.From, move.To, reading))], letters?.Length ?? 0, unused);
    }

    /// <summary>Changes: SELECTs of <c>user_id, name, _sequence, op, position</c>.</summary>
    public Task AppendUsersAsync(string rows, long? from, long to) =>
        StageAsync(Users, UserColumns, $"SELECT user_id, name, _sequence, NULL, op, position FROM ({rows})", [new StagedRange(new SplitId("app", "slot"), from, to)], letters: 0, unused: 0);

    public Task AppendOrdersAsync(string rows, long? from, long to) =>
        StageAsync(Orders, OrderColumns, $"SELECT order_id, total, 'r', {to - 1} FROM ({rows})", [new StagedRange(new SplitId("crm", "customer_orders"), from, to)], letters: 0, unused: 0);

    /// <summary>Runs whatever has something to do until nothing has.</summary>
    /// <param name="beforeCommit">May end a run between its commits.</param>
    public async Task RunAsync(Action<TableId>? beforeCommit = null)
    {
        for (var ran = true; ran;)
        {
            ran = false;
            foreach (var table in Graph.Tables) ran |= await RunAsync(table, beforeCommit);
        }
    }

    /// <summary>As an operator does.</summary>
    public Task RebuildAsync(TableId table) => RebuildTable.RunAsync(new RebuildTableRequest(TableRebuild.TablesOf(Graph, table, withDependents: true)), Graph, _options, Lake, Time, _ => { }, Cancel);

    public async Task<bool> RunAsync(TableId table, Action<TableId>? beforeCommit = null)
    {
        var tables = new OpenTables(Lake);
        var planner = new JobPlanner(tables, Graph, _options, Time);
        if (await planner.PlanAsync(table, Cancel) is not { } pins) return false;
        var runner = new JobRunner(tables, new DuckDbEngine(tables.Lake.Store, _options), _options, Time) { BeforeCommit = beforeCommit };
        await runner.RunAsync(await planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);
        return true;
    }

    public DuckDbSession OpenSession() => DuckDbSession.Open(new DuckDbSettings(256L << 20, 1, _options.TempDirectory), Cancel);

    public DuckDbSettings Engine => new(256L << 20, 1, _options.TempDirectory);

    /// <summary>Files of a SELECT, as a table's files; not committed.</summary>
    public async Task<IReadOnlyList<AddFile>> WriteAsync(DeltaTable table, string query)
    {
        var partitions = table.Current.Metadata.PartitionColumns;
        using var session = OpenSession();
        var files = await ParquetCopy.WriteAsync(session, table, [.. table.Current.Schema.FieldsList.Where(field => !partitions.Contains(field.Name))], query, Time.GetUtcNow(), Cancel);
        return partitions.IsEmpty ? files : [.. files.Select(file => file with { PartitionValues = ActionReader.NoValues.Add(BronzeColumns.IngestDate, "2026-03-02") })];
    }

    /// <summary>A table's rows as a SELECT, of one session.</summary>
    public async Task<string> RowsAsync(DuckDbSession session, DeltaTable table) => await TableFiles.RelationAsync(session, table.Store, table.Path,
        [.. table.Current.Schema.FieldsList.Where(field => !table.Current.Metadata.PartitionColumns.Contains(field.Name))], [.. table.Current.FilesByPath.Keys], withOrigin: false, Cancel);

    public static SplitId Split(int partition) => new("events", string.Create(CultureInfo.InvariantCulture, $"user_events/{partition}"));

    private static async Task<WholeLake> MakeAsync()
    {
        var lake = new WholeLake();
        // A checkpoint every few versions, so that there is one.
        await lake.Lake.OpenOrCreateAsync(Events, BronzeColumns.TableSchema(new Schema(EventColumns, null)), [BronzeColumns.IngestDate],
            new Dictionary<string, string>(StringComparer.Ordinal) { ["delta.checkpointInterval"] = "3" }, Cancel);
        await lake.AppendEventsAsync(Event(0, 0, 1, "view") + Event(0, 1, 2, "view", more: true) + Event(1, 0, 3, "bad", more: true), [(0, null, 4), (1, null, 1)], [(0, 2)], unused: 1);
        await lake.AppendUsersAsync("SELECT 1 AS user_id, 'Ada' AS name, 0 AS _sequence, 'r' AS op, 10 AS position UNION ALL SELECT 2, 'Bob', 1, 'r', 10", null, 11);
        await lake.AppendOrdersAsync("SELECT 1 AS order_id, 9.50 AS total UNION ALL SELECT 2, 20", null, 100);
        await lake.RunAsync();
        await lake.AppendEventsAsync(Event(0, 4, 4, "buy") + Event(1, 1, 1, "buy", more: true), [(0, 4, 5), (1, 1, 2)]);
        await lake.AppendUsersAsync("SELECT 3 AS user_id, 'Cy' AS name, 0 AS _sequence, 'c' AS op, 20 AS position UNION ALL SELECT 3, NULL, 1, 'd', 20 UNION ALL SELECT 2, 'Bo', 2, 'u', 20", 11, 21);
        await lake.AppendOrdersAsync("SELECT 2 AS order_id, 21 AS total", 100, 200);
        await lake.RunAsync();
        await lake.AppendEventsAsync(Event(0, 5, 5, "view"), [(0, 5, 6), (1, 2, 3)], [(1, 2)]);
        await lake.RunAsync();
        await lake.Tables.WriteAsync(lake.Lake.Store, Cancel);
        return lake;
    }

    public static string Event(int partition, long offset, long id, string kind, bool more = false) =>
        $"{(more ? " UNION ALL " : "")}SELECT {partition} AS _partition, {offset} AS _offset, '{{\"event_id\":{id},\"user_id\":{(id % 2) + 1},\"kind\":\"{kind}\"}}' AS value";

    /// <summary>Commits rows the way a committer does.</summary>
    private async Task StageAsync(TableId id, IReadOnlyList<Field> columns, string query, StagedRange[] ranges, long letters, long unused)
    {
        var bronze = await BronzeTable.OpenAsync(Lake, id, new Schema(columns, null), Cancel);
        var at = Time.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        var names = Sql.Names(columns.Select(column => column.Name));
        using var session = OpenSession();
        var adds = await ParquetCopy.WriteAsync(session, bronze.Delta, bronze.FileSchema.FieldsList, $"SELECT *, TIMESTAMPTZ '{at}+00' AS _ingested_at FROM ({query}) AS t({names})", Time.GetUtcNow(), Cancel);
        StagedFile[] files = [.. adds.Select(add => StagedFile.From(add with { PartitionValues = ActionReader.NoValues.Add(BronzeColumns.IngestDate, "2026-03-02") }))];
        var stage = new StageFiles(id, Guid.NewGuid(), [.. ranges], [.. files], adds.Sum(add => add.RowCount!.Value), NewestEventAt: null, bronze.AddedSchema, bronze.LakeId) { Letters = letters, Unused = unused };
        Assert.IsType<CommitResult.Committed>(await bronze.Delta.CommitAsync(BronzeCommitterActor.TransactionOf([stage]), Cancel));
        await bronze.Delta.PendingCheckpoint;
        Time.Advance(TimeSpan.FromSeconds(10));
    }

    private static TransformGraph GraphOf()
    {
        using var directory = new ScratchDirectory("whole-lake-conf-");
        File.WriteAllText(Path.Combine(directory, "totals.sql"), TotalsSql);
        var problems = new List<ConfigProblem>();
        var root = new SettingsReader(HoconReader.Read(Path.Combine(directory, "whole.conf"), _ => Configuration, _ => null), "", problems);
        var graph = TransformGraph.Bind(root.Section("silver"), root.Section("gold"), [Events, Users, Orders]);
        Assert.Empty(problems);
        return graph;
    }
}
