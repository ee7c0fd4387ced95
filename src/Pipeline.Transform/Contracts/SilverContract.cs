using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Configuration;

namespace Pipeline.Transform.Contracts;

/// <summary>What happens to a row that breaks a rule.</summary>
public enum Severity
{
    /// <summary>It is counted and accepted.</summary>
    Warn,

    /// <summary>It goes to the table's quarantine with the rule's name.</summary>
    Quarantine,

    /// <summary>The run stops and changes nothing, unless its source has mended the row since.</summary>
    Fail,
}

/// <summary>The side of data quality that a rule speaks about: which score a broken row lowers.</summary>
public enum Dimension
{
    Completeness,
    Validity,
    Consistency,
    Uniqueness,
    Timeliness,
}

/// <summary>Who may see a column's values.</summary>
public enum Classification
{
    Public,
    Internal,
    Personal,
    Secret,
}

/// <summary>How a column's values are hidden from Silver onwards.</summary>
public enum Mask
{
    None,

    /// <summary>HMAC-SHA-256 in hexadecimal digits, by <c>transform.mask-key</c>: still joins and counts, no longer reads.</summary>
    Hash,

    /// <summary>Every value becomes <c>***</c>.</summary>
    Redact,
}

/// <summary>How the source's own columns are packed in Bronze.</summary>
public enum RecordFormat
{
    /// <summary>One Bronze column each.</summary>
    Columns,

    /// <summary>One JSON document in the Bronze column that holds the record.</summary>
    Json,
}

/// <summary>One column of a Silver table.</summary>
/// <param name="From">The Bronze column it is read from; null: the one that holds the whole record.</param>
/// <param name="Path">Where in that column's JSON document, e.g. <c>$.device.os</c>; null for a plain column.</param>
public sealed record SilverColumn(string Name, IArrowType Type, bool IsRequired, Classification Classification, Mask Mask, string? From, string? Path)
{
    /// <summary>Where it is configured.</summary>
    public SourceLocation? Location { get; init; }

    /// <summary>What it says to people, which stands in the table's schema; empty: what stands there goes; null: it stays.</summary>
    public string? Description { get; init; }

    /// <summary>How its value is made; null: it is what is at <see cref="From"/> and <see cref="Path"/>.</summary>
    public ColumnExpression? Value { get; init; }

    /// <summary>The version of the key that masks it; null: it has no mask, or nobody has looked up the key.</summary>
    public string? MaskVersion { get; init; }

    /// <summary>How <see cref="Value"/> is written.</summary>
    public string? ValueText { get; init; }

    /// <summary>What of the source it reads: nothing for a constant.</summary>
    public IReadOnlyList<ColumnExpression.Source> Sources => Value is { } value ? [.. value.Sources.Distinct()] : [new ColumnExpression.Source(From, Path)];

    /// <summary>The type in the Silver table: masked values are text.</summary>
    public IArrowType StoredType => Mask == Mask.None ? Type : StringType.Default;

    /// <summary>As it is in the Silver table: about a person, it gets no bounds. Whether a value is required is the rules' business.</summary>
    public Field ToField() => Stored(StoredType);

    /// <summary>The same with another type, for tables that keep its values in another form.</summary>
    public Field Stored(IArrowType type) => ColumnFields.Of(Name, type, Classification is not (Classification.Personal or Classification.Secret), Mask == Mask.Hash ? MaskVersion : null);
}

/// <summary>A condition on one row.</summary>
/// <param name="Check">SQL over the contract's columns. As with CHECK constraints a row passes unless it is false: null passes.</param>
/// <param name="Location">Where the check is written.</param>
public sealed record Rule(string Name, string Check, Severity Severity, Dimension Dimension, SourceLocation Location);

/// <summary>A foreign key: <paramref name="Column"/> must occur in another Silver table. Null passes.</summary>
/// <remarks>With <see cref="Severity.Quarantine"/> a row waits in quarantine until its parent arrives, so order of arrival does not matter.</remarks>
public sealed record Reference(string Name, string Column, TableId Table, string To, Severity Severity);

/// <summary>What a Silver table promises: columns, types, keys, rules, classification.</summary>
public sealed record SilverContract
{
    public required TableId Table { get; init; }

    /// <summary>The Bronze table it is made from.</summary>
    public required TableId From { get; init; }

    public required RecordFormat Format { get; init; }

    public required IReadOnlyList<SilverColumn> Columns { get; init; }

    /// <summary>One row of the table a key.</summary>
    public required IReadOnlyList<string> Key { get; init; }

    /// <summary>Which of several rows with one key wins: the greatest. Contract columns or technical Bronze columns.</summary>
    public required IReadOnlyList<string> OrderBy { get; init; }

    public required IReadOnlyList<Rule> Rules { get; init; }

    public required IReadOnlyList<Reference> References { get; init; }

    /// <summary>What becomes of members of JSON records that no column reads.</summary>
    public FieldsPolicy Fields { get; init; }

    /// <summary>So many of a hundred rows of a run may go to the quarantine before it is told; null: as of all tables.</summary>
    public int? QuarantinePercentMax { get; init; }

    /// <summary>What executes its runs; null: as all tables.</summary>
    public EngineKind? Engine { get; init; }

    /// <summary>What the table says to people, which stands in its metadata; empty: what stands there goes; null: it stays.</summary>
    public string? Description { get; init; }

    /// <summary>Words by which it is chosen, with others.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    public required SourceLocation Location { get; init; }

    /// <summary>Whether people see less of it than its source has: what was received is kept from them too.</summary>
    public bool Masks => Columns.Any(column => column.Mask != Mask.None);

    /// <summary>Whether rows may stop it.</summary>
    public bool Stops => Rules.Any(rule => rule.Severity == Severity.Fail) || References.Any(reference => reference.Severity == Severity.Fail);

    public SilverColumn Column(string name) => Columns.Single(column => column.Name == name);

    public IEnumerable<SilverColumn> KeyColumns => Key.Select(Column);

    /// <summary>Name of the built-in rule that a required column has a value.</summary>
    public static string RequiredRule(string column) => $"required:{column}";

    /// <summary>Name of the built-in rule that a value can be read as its column's type.</summary>
    public static string TypeRule(string column) => $"type:{column}";

    /// <summary>Name under which a row breaks a rule that cannot be evaluated for it: a value that is no number, a pattern that is none.</summary>
    public static string ErrorRule(string rule) => $"error:{rule}";

    /// <summary>Name of the built-in rule that a record is a JSON object.</summary>
    public const string MalformedJsonRule = "malformed_json";

    /// <summary>The dimension of a rule of this contract, built-in ones included.</summary>
    public Dimension DimensionOf(string rule) =>
        rule.StartsWith("required:", StringComparison.Ordinal) ? Dimension.Completeness
        : References.Any(reference => reference.Name == rule) ? Dimension.Consistency
        : Rules.FirstOrDefault(r => r.Name == rule || ErrorRule(r.Name) == rule)?.Dimension ?? Dimension.Validity;
}
