using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Options;
using Pipeline.Transform;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Silver;

namespace Pipeline.Operations.Verification;

/// <param name="RowsMayRepeat">Its source reads rows again on purpose.</param>
public sealed record BronzeDefinition(TableId Table, bool RowsMayRepeat);

/// <param name="QuarantinePercentMax">So many of a hundred rows of a run may be set aside; null: of a release that did not say.</param>
public sealed record SilverDefinition(TableId Table, TableId From, ImmutableArray<string> Key, int? QuarantinePercentMax = null);

/// <summary>
/// Which tables a lake shall hold, and what they are made of: every node writes it into the lake when it starts, so that the lake can be
/// judged by itself, whatever configuration there is where it is looked at.
/// </summary>
public sealed record LakeTables(ImmutableArray<BronzeDefinition> Bronze, ImmutableArray<SilverDefinition> Silver, ImmutableArray<GoldDefinition> Gold)
{
    public const string Path = "_pipeline/tables.json";

    private const int BytesMax = 64 << 20;

    public static readonly LakeTables None = new([], [], []);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static LakeTables Of(PipelineOptions options) => Of(options.Graph,
        options.Sources.SelectMany(source => source.Tables.Select(table => new BronzeDefinition(TableId.Bronze(source.Name, table.Name), table.RowsMayRepeat))), options.Transform);

    /// <param name="transform">Null: as by default.</param>
    public static LakeTables Of(TransformGraph graph, IEnumerable<BronzeDefinition> bronze, TransformOptions? transform = null) => new([.. bronze],
        [.. graph.Silver.Select(contract => new SilverDefinition(contract.Table, contract.From, [.. contract.Key], transform?.QuarantinePercentMaxOf(contract)))],
        [.. graph.Gold.Select(node => GoldDefinition.Of(graph, node))]);

    /// <summary>Null: no node has started on the lake since nodes write it.</summary>
    /// <exception cref="PipelineException">The store fails, or what is there cannot be read.</exception>
    public static async ValueTask<LakeTables?> TryReadAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        if (await store.TryStatAsync(Path, cancellationToken) is not { } there) return null;
        if (there.Size > BytesMax) throw Damaged(store, inner: null);
        if (await store.TryGetAsync(Path, cancellationToken) is not { } content) return null;
        try
        {
            if (JsonSerializer.Deserialize<LakeTables>(content, Json) is { Bronze.IsDefault: false, Silver.IsDefault: false, Gold.IsDefault: false } tables) return tables;
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw Damaged(store, e);
        }

        throw Damaged(store, inner: null);
    }

    public ValueTask WriteAsync(IObjectStore store, CancellationToken cancellationToken) => store.PutAsync(Path, JsonSerializer.SerializeToUtf8Bytes(this, Json), cancellationToken);

    /// <summary>Whether a table belongs here: one that is named, or that stands beside one.</summary>
    public bool Has(TableId table) => table switch
    {
        { Layer: Layer.Bronze, Name: TableId.DeadLetterName } => Bronze.Any(bronze => bronze.Table.Source == table.Source),
        { Layer: Layer.Bronze } => Bronze.Any(bronze => bronze.Table == table),
        { Layer: Layer.Silver } => table == QualityTable.Id ? !Silver.IsEmpty
            : Silver.Any(silver => table == silver.Table || table == TableId.Quarantine(silver.Table.Name) || table == SilverTables.Deleted(silver.Table)),
        _ => Gold.Any(gold => gold.Table == table),
    };

    private static PipelineException Damaged(IObjectStore store, Exception? inner) => new(FaultKind.Damaged, $"Object {Path} in {store.Location}", "it does not say which tables the lake shall hold",
        "Start a node on the lake, which writes it again.", inner);
}
