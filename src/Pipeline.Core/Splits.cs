using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pipeline.Core;

/// <summary>
/// The unit of ordered reading: a Kafka partition, a change-capture slot, a snapshot range, a watermark table.
/// <paramref name="Name"/> is unique within the source and stable over restarts, e.g. <c>user_events/0</c>.
/// </summary>
/// <remarks>
/// The text form is the <c>appId</c> of the Delta <c>txn</c> action that carries the split's position. A source whose
/// tables can be dropped and made again under the same name puts their identity into <paramref name="Name"/>, so that a
/// new table starts at its own beginning.
/// </remarks>
[JsonConverter(typeof(SplitIdConverter))]
public readonly record struct SplitId(string Source, string Name)
{
    public override string ToString() => $"{Source}/{Name}";

    /// <summary>Reads the text form: a source's name has no slash.</summary>
    /// <exception cref="FormatException"><paramref name="text"/> names no split.</exception>
    public static SplitId Parse(string text) => text.IndexOf('/') is var slash and > 0
        ? new SplitId(text[..slash], text[(slash + 1)..])
        : throw new FormatException($"'{text}' is not a split. Splits are SOURCE/NAME.");
}

/// <summary>A split and the tables its chunks belong to: one for most, many for a change-capture slot.</summary>
/// <param name="Beginning">
/// Where it begins for a table that holds no position for it. Such a table records it before anything is read, so that what
/// the source loses from then on is a gap. Null: that is found out by reading.
/// </param>
public sealed record Split(SplitId Id, IReadOnlyList<string> Tables, long? Beginning = null)
{
    /// <summary>
    /// What tells the history that its positions count in from every other: a server, a topic's or a table's id, and how it is
    /// read. All splits that are listed for a table have the same. Another one begins a new epoch of the table, in which every
    /// split of it is read from its beginning, and whose rows are newer than all before. Null: there is only one.
    /// </summary>
    public string? Identity { get; init; }

    /// <summary>Of a split that feeds several tables with histories of their own: the identity for each; null: <see cref="Identity"/> is that of all.</summary>
    public IReadOnlyDictionary<string, string>? Identities { get; init; }

    /// <summary>Where it begins for a table that read it in another history: all that lies before is in the table's snapshot. Null: at <see cref="Beginning"/>.</summary>
    public long? BeginningAnew { get; init; }

    /// <summary>
    /// Of a split that feeds several tables: where it begins for those that hold no position for it and of which it does not have all
    /// changes since <see cref="Beginning"/>: their snapshots have what lies before. Null: it has them of all.
    /// </summary>
    public IReadOnlyDictionary<string, long>? Beginnings { get; init; }

    /// <summary>What goes with any place where it begins: of the history that was listed.</summary>
    public SplitMarks BeginningMarks { get; init; }

    /// <summary>What the source's rows of its table are; null: it does not say.</summary>
    public SplitForm? Form { get; init; }

    /// <summary>Of a split that feeds several tables: the form of each that has one.</summary>
    public IReadOnlyDictionary<string, SplitForm>? Forms { get; init; }

    /// <summary>The split as one of its tables reads it.</summary>
    public Split For(string table) => Identities?.GetValueOrDefault(table) is { } identity
        ? this with { Identity = identity, Identities = null, Form = Forms?.GetValueOrDefault(table) ?? Form, Forms = null, Beginning = Beginnings is not null && Beginnings.TryGetValue(table, out var later) ? later : Beginning, Beginnings = null }
        : this;

    /// <summary>It holds all rows that a table had at one moment, and is read to its end, where it stands at <see cref="long.MaxValue"/>.</summary>
    public bool IsSnapshot { get; init; }
}

/// <summary>Where to read a split from; null when no table holds a position for it yet: from its beginning.</summary>
public readonly record struct SplitPosition(SplitId Split, long? Position)
{
    /// <summary>What the table holds beside the position.</summary>
    public SplitMarks Marks { get; init; }

    /// <summary>Of which history the position is: the one that the split was listed with, see <see cref="Core.Split.Identity"/>.</summary>
    public string? Identity { get; init; }

    /// <summary>
    /// Where the reading ends for now, which lies at or before where the split was read to once: nothing at or behind it is handed over, the last chunk ends
    /// there though it have no rows, and then nothing comes. Null: it goes on. Only splits that <see cref="IPartSource"/> gives an end to have one.
    /// </summary>
    public long? End { get; init; }

    /// <summary>With <see cref="End"/>, of a log: the greatest time, in microseconds since the epoch, by which a record may be put in order: what was read behind the end is not older. Null: any.</summary>
    public long? OrderTimeMax { get; init; }

    /// <summary>Of a split that feeds several tables: those that are to be fed, and where each stands; null: all of them.</summary>
    public IReadOnlyDictionary<string, long?>? Tables { get; init; }

    /// <summary>Of a split that feeds several tables: what each of them holds beside its place; null: <see cref="Marks"/> is that of all.</summary>
    public IReadOnlyDictionary<string, SplitMarks>? TableMarks { get; init; }

    /// <summary>The places at which its tables stand, and what they hold there.</summary>
    public IEnumerable<(long Position, SplitMarks Marks)> Places
    {
        get
        {
            var (tables, marks) = (Tables, TableMarks);
            if (tables is not null && marks is not null) return tables.Where(table => table.Value is not null).Select(table => (table.Value!.Value, marks.GetValueOrDefault(table.Key)));
            return Position is { } position ? [(position, Marks)] : [];
        }
    }
}

/// <summary>What goes with a split's position, kept where it is: what a reader has to know to go on as if it had never stopped.</summary>
/// <param name="OrderTime">The greatest time of a record below the position, with <paramref name="Last"/> that of this one, in microseconds since the epoch; null where time decides nothing, or it is not known.</param>
/// <param name="Note">A number whose meaning is the source's own, not negative; null: it has none.</param>
/// <param name="Last">Where the last record below the position is, by which a source knows its log again; null: it does not, or there was none.</param>
public readonly record struct SplitMarks(long? OrderTime = null, long? Note = null, long? Last = null);

/// <summary>
/// A half-open range <c>[From, To)</c> of positions. A position is always the next one to read, so a range's
/// <see cref="To"/> is the following range's <see cref="From"/>.
/// </summary>
/// <remarks>
/// <c>To == From</c> marks a piece of a range that cannot be resumed in its middle (a long transaction, rows with one
/// watermark): its rows may be committed only together with the later piece that advances.
/// </remarks>
public readonly record struct PositionRange(long From, long To)
{
    public bool IsAdvancing => To > From;

    public override string ToString() => $"[{From}, {To})";
}

/// <summary>Its text form, as a value and as a key.</summary>
internal sealed class SplitIdConverter : JsonConverter<SplitId>
{
    public override SplitId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => SplitId.Parse(reader.GetString()!);

    public override SplitId ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => SplitId.Parse(reader.GetString()!);

    public override void Write(Utf8JsonWriter writer, SplitId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());

    public override void WriteAsPropertyName(Utf8JsonWriter writer, SplitId value, JsonSerializerOptions options) => writer.WritePropertyName(value.ToString());
}
