using System.Text.RegularExpressions;
using Apache.Arrow;

namespace Pipeline.Core;

/// <summary>What a column of a Bronze table is to those who read it without knowing its source.</summary>
[Flags]
public enum BronzeRole
{
    None = 0,

    /// <summary>The row's position. The field that every source uses has this role, so that a schema without roles is an old one.</summary>
    Position = 1,

    /// <summary>With the position it tells a record from every other, also from one at the same place of an earlier thing of that name.</summary>
    Identifies = 2,

    /// <summary>Decides between rows of one position which is newer: the greater one. Several do so in the order of the schema.</summary>
    Orders = 4,

    /// <summary>Its value ends the name of the row's split: <c>SOURCE/…/VALUE</c>.</summary>
    Split = 8,

    /// <summary>Numbers the records of a split as the split's positions do.</summary>
    Number = 16,

    /// <summary>The place of a change among those that share its position.</summary>
    Sequence = 32,

    /// <summary>Positions of rows are places in the source's log, whatever the ranges of the splits that bring them count.</summary>
    PlacedInLog = 64,

    /// <summary>Lists the columns whose values a change carries, separated by commas; null: all. Where the record is one document of a numbered split, its members.</summary>
    Changed = 128,

    /// <summary>The whole record, as one document.</summary>
    Document = 256,

    /// <summary>Which of the table's histories the row is of; null: the first, 0. Before everything else it decides which row is newer.</summary>
    Epoch = 512,

    /// <summary>Within an epoch, the time that decides between rows of different splits; null: the row's own (<see cref="RecordTime"/>).</summary>
    OrderTime = 1024,

    /// <summary>When the record happened, where rows of one key may be in several splits.</summary>
    RecordTime = 2048,

    /// <summary>The epoch in which a row was read again that is of an earlier one's order; null: it is of its own. After everything else it decides which row is newer.</summary>
    Reading = 4096,
}

/// <summary>Roles in the metadata of fields, and so in the schema of the Delta table.</summary>
public static partial class BronzeRoles
{
    /// <summary>The value is the roles in words, separated by spaces.</summary>
    public const string Key = "pipeline.bronze";

    /// <summary>Columns with these come into the Silver table beside those of its contract, whose names begin with a letter.</summary>
    private const BronzeRole Carried = BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.Changed;

    private static readonly BronzeRole[] All = [.. Enum.GetValues<BronzeRole>().Where(role => role != BronzeRole.None)];

    /// <summary>The field with roles that its source gives it.</summary>
    /// <exception cref="ArgumentException">A column that Silver keeps beside a contract's has a name that a contract may use.</exception>
    public static Field As(this Field field, BronzeRole roles)
    {
        if ((roles & Carried) != BronzeRole.None && !TechnicalName().IsMatch(field.Name))
            throw new ArgumentException($"Column {field.Name} must have a name of _ and small letters for {roles & Carried}.", nameof(field));
        var metadata = field.HasMetadata ? new Dictionary<string, string>(field.Metadata, StringComparer.Ordinal) : new Dictionary<string, string>(StringComparer.Ordinal);
        metadata[Key] = string.Join(' ', All.Where(role => roles.HasFlag(role)).Select(Word));
        return new Field(field.Name, field.DataType, field.IsNullable, metadata);
    }

    /// <summary>The roles of a field; null when its schema says nothing about it. Words of a later release are passed over.</summary>
    public static BronzeRole? Of(Field field) => field.HasMetadata && field.Metadata.TryGetValue(Key, out var words)
        ? words.Split(' ').Aggregate(BronzeRole.None, (roles, word) => roles | System.Array.Find(All, role => Word(role) == word))
        : null;

    [GeneratedRegex("^_[a-z0-9_]+$")]
    private static partial Regex TechnicalName();

    private static string Word(BronzeRole role) => role switch
    {
        BronzeRole.PlacedInLog => "placed-in-log",
        BronzeRole.OrderTime => "order-time",
        BronzeRole.RecordTime => "record-time",
        _ => role.ToString().ToLowerInvariant(),
    };
}
