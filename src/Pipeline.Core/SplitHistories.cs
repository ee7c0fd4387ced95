using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Core;

/// <summary>Which history of its source a split is read of, as its table remembers it.</summary>
/// <param name="Epoch">The table's number of that history, from 0 on: rows of a greater one are newer.</param>
/// <param name="Identity">See <see cref="Split.Identity"/>.</param>
/// <param name="IsSnapshot">See <see cref="Split.IsSnapshot"/>.</param>
public sealed record SplitHistory([property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int Epoch, string Identity, [property: JsonPropertyName("snapshot")] bool IsSnapshot = false)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault };

    /// <summary>What the source's rows were when the epoch began, or in what form they have come since; null: it is not known.</summary>
    public SplitForm? Form { get; init; }

    /// <summary>
    /// The earlier epoch whose order the rows are of that are read in this one; null: they are of its own. All splits of an epoch share it: what is read again keeps
    /// its place among what came before and behind it, in whatever split that was.
    /// </summary>
    public int? Order { get; init; }

    /// <summary>What rows of this reading say of it.</summary>
    [JsonIgnore]
    public RowEpoch Rows => RowEpoch.Of(Epoch, Order);

    /// <summary>The number of the epoch where <see cref="Order"/> is another: who does not know of it finds none in its place, and refuses the table.</summary>
    [JsonInclude]
    private int? Reading { get; init; }

    /// <summary>The value of the property; <see cref="KeyOf"/> is its key.</summary>
    public string Write() => JsonSerializer.Serialize(Order is null ? this : this with { Epoch = -1, Reading = Epoch }, Json);

    /// <exception cref="PipelineException">The value is not one that this product writes.</exception>
    public static SplitHistory Read(string key, string value)
    {
        try
        {
            if (JsonSerializer.Deserialize<SplitHistory>(value, Json) is { Identity: not null } history)
            {
                if (history is { Order: >= 0, Reading: { } reading } && reading > history.Order) return history with { Epoch = reading, Reading = null };
                if (history is { Epoch: >= 0, Order: null, Reading: null }) return history;
            }
        }
        catch (JsonException)
        {
            // Told below, with its name.
        }

        throw new PipelineException(FaultKind.Damaged, $"Table property {key}", "it does not say which history the split is read of", "Restore the table's log, or set the property as it was in an earlier version of it.");
    }

    /// <summary>The table's property that holds a split's history.</summary>
    public static string KeyOf(SplitId split) => SplitHistories.Prefix + split;

    /// <summary>The <c>appId</c> of the Delta <c>txn</c> action that carries a split's position in an epoch.</summary>
    public static string AppIdOf(SplitId split, int epoch) => epoch == 0 ? split.ToString() : string.Create(CultureInfo.InvariantCulture, $"{split}#{epoch}");

    /// <summary>The <c>appId</c> that carries <see cref="SplitMarks.OrderTime"/>.</summary>
    public static string OrderTimeIdOf(SplitId split, int epoch) => $"pipeline.order-time/{AppIdOf(split, epoch)}";

    /// <summary>The <c>appId</c> that carries <see cref="SplitMarks.Note"/>, or -1 for none any more.</summary>
    public static string NoteIdOf(SplitId split, int epoch) => $"pipeline.note/{AppIdOf(split, epoch)}";

    /// <summary>The <c>appId</c> that carries <see cref="SplitMarks.Last"/>.</summary>
    public static string LastIdOf(SplitId split, int epoch) => $"pipeline.last/{AppIdOf(split, epoch)}";

    /// <summary>The <c>appId</c> that carries where a split of several tables began in an epoch: what lies before, the table has not read there.</summary>
    public static string BeginIdOf(SplitId split, int epoch) => $"pipeline.begin/{AppIdOf(split, epoch)}";

    /// <summary>The <c>appId</c> that carries where the part of a split ended that was read again in an epoch, behind which it went on where the epoch before had left it.</summary>
    public static string PartEndIdOf(SplitId split, int epoch) => $"pipeline.part-end/{AppIdOf(split, epoch)}";

    /// <summary>The numbers that a commit sets beside a split's position.</summary>
    public static IEnumerable<(string AppId, long Value)> MarksOf(SplitId split, int epoch, SplitMarks marks)
    {
        if (marks.OrderTime is { } time) yield return (OrderTimeIdOf(split, epoch), time);
        if (marks.Note is { } note) yield return (NoteIdOf(split, epoch), note);
        if (marks.Last is { } last) yield return (LastIdOf(split, epoch), last);
    }

    /// <summary>Reads an <c>appId</c> that carries a split's position.</summary>
    /// <exception cref="FormatException"><paramref name="appId"/> names no split.</exception>
    public static (SplitId Split, int Epoch) ParseAppId(string appId)
    {
        var hash = appId.LastIndexOf('#');
        return hash > 0 && int.TryParse(appId.AsSpan(hash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) && epoch > 0
            ? (SplitId.Parse(appId[..hash]), epoch)
            : (SplitId.Parse(appId), 0);
    }
}

/// <summary>Which reading of its table's source a row is of.</summary>
/// <param name="Order">The epoch in whose order the row is.</param>
/// <param name="Reading">The later epoch in which it was read again; null: that of its order.</param>
public readonly record struct RowEpoch(int Order, int? Reading = null)
{
    /// <summary>The epoch in which it was read.</summary>
    public int Read => Reading ?? Order;

    /// <param name="read">The epoch in which it was read.</param>
    /// <param name="order">The epoch in whose order it is; null: that one.</param>
    public static RowEpoch Of(int read, int? order) => order is { } earlier ? new RowEpoch(earlier, read) : new RowEpoch(read);
}

/// <summary>The histories of all splits of a table, from its properties. Immutable.</summary>
public sealed class SplitHistories
{
    public const string Prefix = "pipeline.split.";

    public static readonly SplitHistories None = new(FrozenDictionary<SplitId, SplitHistory>.Empty);

    private readonly FrozenDictionary<SplitId, SplitHistory> _bySplit;

    private SplitHistories(FrozenDictionary<SplitId, SplitHistory> bySplit) => _bySplit = bySplit;

    public IReadOnlyDictionary<SplitId, SplitHistory> BySplit => _bySplit;

    /// <summary>The newest history of the table; null: it remembers none.</summary>
    public SplitHistory? Newest => _bySplit.Values.MaxBy(history => history.Epoch);

    /// <param name="properties">A table's (<c>metaData.configuration</c>).</param>
    /// <exception cref="PipelineException">One is not as this product writes it.</exception>
    public static SplitHistories Of(IReadOnlyDictionary<string, string> properties)
    {
        var found = properties.Where(property => property.Key.StartsWith(Prefix, StringComparison.Ordinal)).ToList();
        return found.Count == 0 ? None : new SplitHistories(found.ToFrozenDictionary(property => SplitId.Parse(property.Key[Prefix.Length..]), property => SplitHistory.Read(property.Key, property.Value)));
    }

    /// <summary>Null: the table remembers none of it.</summary>
    public SplitHistory? Find(SplitId split) => _bySplit.GetValueOrDefault(split);

    /// <summary>The epoch in which the split is read; 0 of one that the table does not remember.</summary>
    public int EpochOf(SplitId split) => Find(split)?.Epoch ?? 0;
}
