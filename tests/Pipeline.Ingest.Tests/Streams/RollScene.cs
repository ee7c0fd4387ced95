using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests.Streams;

/// <summary>A lake with two tables and what a worker writes into their files.</summary>
internal sealed class RollScene : IAsyncDisposable
{
    private const string Source = "test";

    private static readonly Schema Numbered = new(
    [
        new Field("id", Apache.Arrow.Types.StringType.Default, nullable: false).As(BronzeRole.Split), BronzeColumns.OpField, BronzeColumns.PositionField.As(BronzeRole.Position | BronzeRole.Number),
    ], null);

    private static readonly Schema Plain = new([new Field("id", Apache.Arrow.Types.StringType.Default, nullable: false), BronzeColumns.OpField, BronzeColumns.PositionField], null);

    private readonly IngestMeter _meter;
    private readonly ByteShare _share;

    private readonly Schema _columns;

    public RollScene(IngestOptions? options = null, bool isNumbered = false)
    {
        _columns = isNumbered ? Numbered : Plain;
        Options = options ?? new IngestOptions();
        Files = new OpenFiles(Options, TimeProvider.System);
        _meter = new IngestMeter(Budget);
        _share = Budget.OpenShare();
    }

    public static SplitId Slot { get; } = new(Source, "slot");

    public static SplitId Other { get; } = new(Source, "orders/1");

    public static TableId Orders { get; } = TableId.Bronze(Source, "orders");

    public static TableId Lines { get; } = TableId.Bronze(Source, "lines");

    public static TableId Dead { get; } = TableId.DeadLetter(Source);

    public LakeOracle Oracle { get; } = new();

    public ByteBudget Budget { get; } = new(1_000);

    public IngestOptions Options { get; }

    public OpenFiles Files { get; }

    public Roller Roller { get; private set; } = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Begins a reading of the slot, and of another split, from where these tables stand.</summary>
    public async Task StartAsync(long? orders = 10, long? lines = 10, long? dead = null, long? from = 10, int epoch = 0, int? order = null)
    {
        var tables = new Dictionary<string, BronzeTable>(StringComparer.Ordinal)
        {
            ["orders"] = await BronzeTable.OpenAsync(Oracle.Lake, TableId.Bronze(Source, "orders"), _columns, Cancel),
            ["lines"] = await BronzeTable.OpenAsync(Oracle.Lake, TableId.Bronze(Source, "lines"), _columns, Cancel),
        };
        var slot = new SplitStart(new Split(Slot, ["orders", "lines"]), from,
            ImmutableDictionary<TableId, long?>.Empty.Add(Orders, orders).Add(Lines, lines).Add(Dead, dead))
        {
            Epochs = epoch == 0 ? ImmutableDictionary<TableId, int>.Empty : ImmutableDictionary<TableId, int>.Empty.Add(Orders, epoch).Add(Dead, 1),
            Orders = order is { } earlier ? ImmutableDictionary<TableId, int>.Empty.Add(Orders, earlier) : ImmutableDictionary<TableId, int>.Empty,
        };
        var other = new SplitStart(new Split(Other, ["orders"]), 0, ImmutableDictionary<TableId, long?>.Empty.Add(Orders, 0).Add(Dead, null));
        Roller = new Roller(tables, _ => true, cancel => BronzeTable.OpenAsync(Oracle.Lake, TableId.DeadLetter(Source), DeadLetterColumns.SourceSchema, cancel),
            [slot, other], Files, _share, Options, _meter, TimeProvider.System);
    }

    /// <summary>Adds a chunk with a row at each of these positions.</summary>
    public async Task AddAsync(SplitId split, string table, long from, long to, long[] positions, long[]? dead = null, DateTimeOffset? newestEventAt = null, DateTimeOffset? orderTime = null)
    {
        await _share.AcquireAsync(1);
        var rows = positions.Length == 0 ? null : orderTime is { } time ? InOrder(Rows(positions), time) : Rows(positions);
        await Roller.AddAsync(new Chunk(split, table, new PositionRange(from, to), rows, dead is null ? null : DeadRows(split, table, dead),
            bytes: 1, newestEventAt), Cancel);
    }

    /// <summary>Closes what may be committed and completes its files.</summary>
    public async Task<ImmutableArray<StageFiles>> CloseAsync(bool withIdle = true) => (await Roller.Close(withIdle).CompleteAsync(Files, Cancel)).Stages;

    /// <summary>Commits a stage with its positions.</summary>
    public async Task CommitAsync(StageFiles stage)
    {
        var table = (await Pipeline.Delta.DeltaTable.TryOpenAsync(Oracle.Lake.Store, stage.Table.ToString(), TimeProvider.System, Cancel))!;
        Assert.IsType<Pipeline.Delta.Log.CommitResult.Committed>(await table.CommitAsync(BronzeCommitterActor.TransactionOf([stage]), Cancel));
    }

    /// <summary>The positions of the rows in a stage's files.</summary>
    public async Task<IEnumerable<long>> PositionsAsync(StageFiles stage)
    {
        var table = (await Pipeline.Delta.DeltaTable.TryOpenAsync(Oracle.Lake.Store, stage.Table.ToString(), TimeProvider.System, Cancel))!;
        await table.CommitAsync(BronzeCommitterActor.TransactionOf([stage with { Ranges = [] }]), Cancel);
        return (await Oracle.ColumnAsync(stage.Table, BronzeColumns.Position)).Select(long.Parse).Order();
    }

    public async ValueTask DisposeAsync()
    {
        await Files.DisposeAsync();
        _share.Dispose();
        _meter.Dispose();
        Oracle.Dispose();
    }

    public static RecordBatch Rows(params long[] positions) => new(Plain,
        [Texts(positions.Select(position => $"row {position}")), Texts(positions.Select(_ => "c")), new Int64Array.Builder().AppendRange(positions).Build()], positions.Length);

    /// <summary>With a time that orders each of them.</summary>
    private static RecordBatch InOrder(RecordBatch rows, DateTimeOffset time) => new(new Schema([.. rows.Schema.FieldsList, BronzeColumns.OrderTimeField], null),
        [.. rows.Arrays, new TimestampArray.Builder(BronzeColumns.Timestamp).AppendRange(Enumerable.Repeat(time, rows.Length)).Build()], rows.Length);

    private static RecordBatch DeadRows(SplitId split, string table, long[] positions) => new(DeadLetterColumns.SourceSchema,
    [
        Texts(positions.Select(_ => table)), Texts(positions.Select(_ => split.ToString())), new Int64Array.Builder().AppendRange(positions).Build(),
        Texts(positions.Select(_ => "scripted")), Texts(positions.Select(_ => "It was written as dead.")), Bytes(positions.Length), Bytes(positions.Length),
        new StringArray.Builder().AppendRange(positions.Select(_ => (string)null!)).Build(),
        new TimestampArray.Builder(BronzeColumns.Timestamp).AppendRange(positions.Select(_ => DateTimeOffset.UnixEpoch)).Build(),
    ], positions.Length);

    private static StringArray Texts(IEnumerable<string> texts) => new StringArray.Builder().AppendRange(texts).Build();

    private static BinaryArray Bytes(int count)
    {
        var values = new BinaryArray.Builder();
        for (var i = 0; i < count; i++) values.AppendNull();
        return values.Build();
    }
}
