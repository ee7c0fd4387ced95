using Apache.Arrow;

namespace Pipeline.Core;

/// <summary>
/// What the columns of a Bronze table mean: which tell its records apart, which order them, which say what a change
/// carries. Sources declare it in the metadata of their fields (<see cref="BronzeRoles"/>), from where it comes into the
/// table's schema; whoever reads Bronze takes names from here and knows no source.
/// </summary>
public sealed class BronzeShape
{
    private const string UndeclaredTime = "_timestamp";

    private readonly List<(string Name, BronzeRole Roles)> _columns;

    private BronzeShape(List<(string Name, BronzeRole Roles)> columns) => _columns = columns;

    /// <summary>Columns that, with the position, tell a record from every other.</summary>
    public IReadOnlyList<string> Identifying => Named(BronzeRole.Identifies);

    /// <summary>Columns that order rows beside a contract's own, the position first.</summary>
    public IReadOnlyList<string> Ordering => [BronzeColumns.Position, .. Named(BronzeRole.Orders)];

    /// <summary>Orders the changes that share a position; null when no two do.</summary>
    public string? Sequence => Single(BronzeRole.Sequence);

    /// <summary>Says which of the table's histories a row is of (null in it: 0); null: all rows are of epoch 0.</summary>
    public string? Epoch => Single(BronzeRole.Epoch);

    /// <summary>Says in which epoch a row was read again (null in it: in that of <see cref="Epoch"/>); null: none was.</summary>
    public string? Reading => Single(BronzeRole.Reading);

    /// <summary>
    /// The time that never goes back in a split, where it is not the row's own (null in it: <see cref="RecordTime"/>); null: it
    /// is the row's own everywhere.
    /// </summary>
    public string? OrderTime => Single(BronzeRole.OrderTime);

    /// <summary>When a record happened, where several splits share keys, so that time decides between them; null: positions do.</summary>
    public string? RecordTime => Single(BronzeRole.RecordTime);

    /// <summary>Lists the columns, or members of the record, whose values a change carries; null when rows carry them all.</summary>
    public string? Changed => Single(BronzeRole.Changed);

    /// <summary>Holds the whole record as a document; null when the source's columns are columns of the table.</summary>
    public string? Document => Single(BronzeRole.Document);

    /// <summary>Whether <see cref="Changed"/> lists members of the record's document, not columns: then every change carries the columns beside it.</summary>
    public bool AreMembersCarried => Changed is not null && Document is not null && Numbering is not null;

    /// <summary>Where the records of a split are numbered: the column that names the split, and that of the number. Null elsewhere.</summary>
    public (string Split, string Number)? Numbering => Single(BronzeRole.Split) is { } split && Single(BronzeRole.Number) is { } number ? (split, number) : null;

    /// <summary>Whether rows lie in the ranges of positions by which their commits move their splits.</summary>
    public bool ArePositionsInRange => Single(BronzeRole.PlacedInLog) is null;

    /// <summary>Columns whose values rarely repeat.</summary>
    public IReadOnlyList<string> Distinct => [BronzeColumns.Position, .. Named(BronzeRole.Number), .. Named(BronzeRole.Document)];

    /// <summary>Columns of numbers that count: from row to row they change little, or not at all.</summary>
    public IReadOnlyList<string> Counting => [BronzeColumns.Position, .. Named(BronzeRole.Number), .. Named(BronzeRole.Sequence)];

    /// <summary>The shape that a schema declares; for one that declares none, of a table from before sources did, the one that its columns had.</summary>
    public static BronzeShape Of(Schema schema)
    {
        var declared = schema.FieldsList.Select(field => (field.Name, Roles: BronzeRoles.Of(field))).ToList();
        // Splits with records of their own numbers said nothing of time at first.
        var saysNoTime = declared.Exists(column => column.Roles?.HasFlag(BronzeRole.Split) == true) && !declared.Exists(column => column.Roles?.HasFlag(BronzeRole.RecordTime) == true);
        return declared.Exists(column => column.Roles is not null)
            ? new BronzeShape([.. declared.Select(column => (column.Name, (column.Roles ?? BronzeRole.None) | (saysNoTime && column.Name == UndeclaredTime ? BronzeRole.RecordTime : BronzeRole.None)))])
            : new BronzeShape([.. schema.FieldsList.Select(field => (field.Name, UndeclaredRoles(field.Name)))]);
    }

    /// <summary>
    /// Sources once gave their columns no roles, and readers knew them by name. Tables whose schema is from then say nothing
    /// until the first commit of a source that does.
    /// </summary>
    private static BronzeRole UndeclaredRoles(string column) => column switch
    {
        BronzeColumns.Position => BronzeRole.Position,
        BronzeColumns.Sequence => BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog,
        BronzeColumns.Changed => BronzeRole.Changed,
        "_partition" => BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split,
        "_offset" => BronzeRole.Orders | BronzeRole.Number,
        UndeclaredTime => BronzeRole.Identifies | BronzeRole.RecordTime,
        "value" => BronzeRole.Document,
        _ => BronzeRole.None,
    };

    private List<string> Named(BronzeRole role) => [.. _columns.Where(column => column.Roles.HasFlag(role)).Select(column => column.Name)];

    private string? Single(BronzeRole role) => Named(role) is [var first, ..] ? first : null;
}
