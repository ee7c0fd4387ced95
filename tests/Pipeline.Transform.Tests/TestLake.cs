using System.Collections.Immutable;
using System.Text.Json;
using Apache.Arrow;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.DuckDb;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests;

/// <summary>A lake in a directory of its own, with what runs jobs in it.</summary>
internal sealed class TestLake : IDisposable
{
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Of masks.</summary>
    public const string Key = "a key of thirty-two letters or more";

    private readonly ScratchDirectory _directory;
    private readonly bool _isOwner;
    private readonly string[] _elsewhere;

    /// <param name="runRowsMax">Bronze rows that a run may read.</param>
    /// <param name="memoryMebibytes">DuckDB's memory.</param>
    /// <param name="isRemote">DuckDB cannot reach the lake's files in place, as with a bucket.</param>
    /// <param name="elsewhere">Layers, sources or tables that are made in a location of their own.</param>
    public TestLake(TransformGraph graph, long runRowsMax = 250_000, int memoryMebibytes = 128, bool isRemote = false, params string[] elsewhere)
        : this(new ScratchDirectory("lake-"), isOwner: true, new HeldClock(Start), graph, runRowsMax, memoryMebibytes, isRemote, elsewhere)
    {
    }

    private TestLake(ScratchDirectory directory, bool isOwner, FakeTimeProvider time, TransformGraph graph, long runRowsMax, int memoryMebibytes, bool isRemote, string[] elsewhere, string maskKey = Key)
    {
        (_directory, _isOwner, Time, _elsewhere) = (directory, isOwner, time, elsewhere);
        Options = new TransformOptions { TempDirectory = Path.Combine(_directory, "tmp"), MemoryBytesMax = (long)memoryMebibytes << 20, RunRowsMax = runRowsMax, MaskKey = new Secret(maskKey) };
        var (home, other) = (StoreAt("lake"), new NamedLocation("elsewhere", Path.Combine(_directory, "elsewhere"), new S3Options()));
        var places = new TablePlaces(TablePlaces.None.Locations.Add(other.Name, other), TablePlaces.None.ByName.AddRange(elsewhere.Select(name => KeyValuePair.Create(name, other.Name))));
        Lake = new Lake(elsewhere.Length == 0 ? home : new PlacedStore(home, places, location => StoreAt(location.Name)), Time);
        Graph = graph;
        Tables = new OpenTables(Lake);
        Planner = new JobPlanner(Tables, graph, Options, Time);
        Engine = new DuckDbEngine(Lake.Store, Options);
        Jobs = new JobRunner(Tables, Engine, Options, Time);

        IObjectStore StoreAt(string name) => new LocalObjectStore(Path.Combine(_directory, name)) is var store && isRemote ? new RemoteStore(store) : store;
    }

    public FakeTimeProvider Time { get; }

    public TransformOptions Options { get; }

    public Lake Lake { get; }

    public TransformGraph Graph { get; }

    public OpenTables Tables { get; }

    public JobPlanner Planner { get; }

    public DuckDbEngine Engine { get; }

    public JobRunner Jobs { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>
    /// Columns as <c>name type</c>, followed by those that every Bronze table has; without roles, as tables had them before
    /// sources declared any.
    /// </summary>
    public static IReadOnlyList<Field> BronzeColumns(params string[] columns) =>
    [
        .. columns.Select(column => column.Split(' ')).Select(words => new Field(words[0], Transform.Contracts.ColumnType.TryParse(words[1])!, nullable: true)),
        Core.BronzeColumns.OpField, new Field(Core.BronzeColumns.Position, Apache.Arrow.Types.Int64Type.Default, nullable: false), Core.BronzeColumns.IngestedAtField,
    ];

    /// <summary>The same columns with roles that their source declares, as <c>name role role</c>.</summary>
    public static IReadOnlyList<Field> Declared(IReadOnlyList<Field> columns, params string[] roles)
    {
        var byName = roles.Select(line => line.Split(' ')).ToDictionary(words => words[0], words => words[1..].Aggregate(BronzeRole.None, (all, word) => all | Enum.Parse<BronzeRole>(word)));
        return [.. columns.Select(field => field.Name == Core.BronzeColumns.Position ? field.As(BronzeRole.Position) : byName.TryGetValue(field.Name, out var given) ? field.As(given) : field)];
    }

    /// <summary>Commits rows to a Bronze table: a SELECT with its columns, without <c>_ingested_at</c>.</summary>
    public async Task<long> AppendAsync(string table, IReadOnlyList<Field> columns, string query)
    {
        var bronze = await Lake.OpenOrCreateAsync(TableId.Parse(table), new Schema(columns, null), [], new Dictionary<string, string>(), Cancel);
        using var session = OpenSession();
        var adds = await ParquetCopy.WriteAsync(session, bronze, columns,
            $"SELECT *, TIMESTAMPTZ '{Time.GetUtcNow():yyyy-MM-dd HH:mm:ss}+00' AS _ingested_at FROM ({query})", Time.GetUtcNow(), Cancel);
        var result = await bronze.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [.. adds], Schema = new Schema(columns, null) }, Cancel);
        return Assert.IsType<CommitResult.Committed>(result).Snapshot.Version;
    }

    /// <summary>Commits how far a split of a Bronze table has come in an epoch.</summary>
    public async Task MoveAsync(string table, SplitId split, SplitHistory history, long to)
    {
        var bronze = Assert.IsType<DeltaTable>(await Lake.TryOpenAsync(TableId.Parse(table), Cancel));
        var from = bronze.Current.Position(SplitHistory.AppIdOf(split, history.Epoch));
        Assert.IsType<CommitResult.Committed>(await bronze.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend)
        {
            Moves = [new TxnMove(split, history.Epoch, from, to)], Properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(split), history.Write()),
        }, Cancel));
    }

    /// <summary>Plans and runs a table's next job; null when there is nothing to do.</summary>
    public async Task<JobResult?> RunAsync(string table)
    {
        if (await Planner.PlanAsync(TableId.Parse(table), Cancel) is not { } pins) return null;
        return await RunAsync(pins);
    }

    public async Task<JobResult> RunAsync(JobPins pins) => await Jobs.RunAsync(await Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);

    /// <summary>Runs whatever has something to do until nothing has.</summary>
    public async Task RunAllAsync()
    {
        for (var ran = true; ran;)
        {
            ran = false;
            foreach (var table in Graph.Tables) ran |= await RunAsync(table.ToString()) is not null;
        }
    }

    /// <summary>Rows of a query over the lake's tables (<c>silver.users</c>), each as its values separated by bars.</summary>
    public async Task<IReadOnlyList<string>> RowsAsync(string query)
    {
        using var session = OpenSession();
        session.Execute("CREATE SCHEMA silver; CREATE SCHEMA gold; CREATE SCHEMA bronze;");
        foreach (var name in new[] { "_quality" }.Concat(Graph.Tables.Where(t => t.Layer == Layer.Silver).SelectMany(t => new[] { t.Name, t.Name + "__quarantine", t.Name + "__deleted" })))
            await CreateViewAsync(session, TableId.Silver(name));
        foreach (var table in Graph.Tables.Where(t => t.Layer == Layer.Gold)) await CreateViewAsync(session, table);
        return [.. session.Rows(query).Select(row => string.Join("|", row.Select(value => value switch { null => "", DateTime at => at.ToString("yyyy-MM-dd HH:mm:ss"), bool b => b ? "true" : "false", _ => value.ToString() })))];
    }

    /// <summary>Names of the columns with a minimum or maximum in the table's log.</summary>
    public async Task<IReadOnlyList<string>> BoundsAsync(TableId id)
    {
        var table = Assert.IsType<DeltaTable>(await Lake.TryOpenAsync(id, Cancel));
        return [.. table.Current.Files
            .SelectMany(file => new[] { "minValues", "maxValues" }.SelectMany(kind => JsonDocument.Parse(file.Stats!).RootElement.GetProperty(kind).EnumerateObject()))
            .Select(bound => bound.Name)];
    }

    /// <summary>Names of the columns with bounds in the footer of any of the table's files, as Arrow's reader sees them.</summary>
    public async Task<IReadOnlyList<string>> FooterBoundsAsync(TableId id)
    {
        var table = Assert.IsType<DeltaTable>(await Lake.TryOpenAsync(id, Cancel));
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in table.Current.Files)
        {
            using var content = new MemoryStream((await Lake.Store.TryGetAsync($"{table.Path}/{file.Path}", Cancel))!);
            Assert.Equal(file.Size, content.Length);
            using var reader = new ParquetSharp.ParquetFileReader(content);
            for (var group = 0; group < reader.FileMetaData.NumRowGroups; group++)
            {
                using var rows = reader.RowGroup(group);
                for (var column = 0; column < rows.MetaData.NumColumns; column++)
                    if (rows.MetaData.GetColumnChunkMetaData(column).Statistics is { HasMinMax: true }) found.Add(reader.FileMetaData.Schema.Column(column).Path.ToDotVector()[0]);
            }
        }

        return [.. found];
    }

    /// <summary>Paths below a table that are in the lake itself.</summary>
    public IReadOnlyList<string> PathsInLake(string table) => PathsIn("lake", table);

    /// <summary>Paths below a table that are in the location of what is made elsewhere.</summary>
    public IReadOnlyList<string> PathsElsewhere(string table) => PathsIn("elsewhere", table);

    /// <summary>Vacuums a table as the verb does. Its files are as old as the first moment of the lake.</summary>
    public async Task<VacuumResult> VacuumAsync(string table)
    {
        foreach (var file in Directory.EnumerateFiles(_directory, "*.parquet", SearchOption.AllDirectories)) File.SetLastWriteTimeUtc(file, Start.UtcDateTime);
        var silver = Graph.Silver.SelectMany(contract => new[] { contract.Table, TableId.Quarantine(contract.Table.Name), SilverTables.Deleted(contract.Table) }).Append(QualityTable.Id);
        var pending = await PendingReads.FindAsync(new OpenTables(Lake), silver, Time.GetUtcNow(), Cancel);
        var reads = pending.GetValueOrDefault(TableId.Parse(table), PendingReads.None);
        var opened = Assert.IsType<DeltaTable>(await Lake.TryOpenAsync(TableId.Parse(table), Cancel));
        return await Vacuum.RunAsync(opened, new VacuumOptions(PinnedVersions: reads.Versions, ChangesAfter: reads.ChangesAfter), Cancel);
    }

    /// <summary>Puts a table's files together into one.</summary>
    public async Task CompactAsync(string table)
    {
        var opened = Assert.IsType<DeltaTable>(await Lake.TryOpenAsync(TableId.Parse(table), Cancel));
        Assert.Equal(1, (await Compaction.RunAsync(opened, new CompactionOptions(new DataFileOptions()), Cancel)).FilesAdded);
    }

    /// <summary>For the test itself: with memory enough, whatever jobs may use.</summary>
    public DuckDbSession OpenSession() => DuckDbSession.Open(DuckDbEngine.SettingsOf(Options) with { MemoryBytesMax = 512L << 20 }, Cancel);

    /// <summary>The same lake under another configuration, as another process has it.</summary>
    public TestLake With(TransformGraph graph, long runRowsMax = 250_000, string maskKey = Key, bool isRemote = false, string[]? elsewhere = null) => new(_directory, isOwner: false, Time, graph, runRowsMax, 128, isRemote, elsewhere ?? _elsewhere, maskKey);

    public void Dispose()
    {
        if (_isOwner) _directory.Dispose();
    }

    private string[] PathsIn(string place, string table) =>
        Path.Combine(_directory, place, table) is var directory && Directory.Exists(directory) ? [.. Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories)] : [];

    private async Task CreateViewAsync(DuckDbSession session, TableId id)
    {
        if (await Lake.TryOpenAsync(id, Cancel) is not { } table) return;
        var rows = await TableFiles.RelationAsync(session, Lake.Store, table.Path, table.Current.Schema.FieldsList,
            [.. table.Current.Files.Select(file => file.Path)], withOrigin: false, Cancel);
        session.Execute($"CREATE VIEW {(id.Layer == Layer.Silver ? "silver" : "gold")}.\"{id.Name}\" AS {rows}");
    }
}
