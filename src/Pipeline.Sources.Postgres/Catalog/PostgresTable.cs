using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>A table as the server's catalog has it.</summary>
/// <param name="Oid">Changes when the table is dropped and made again.</param>
/// <param name="QualifiedName">Schema and name, quoted for SQL.</param>
/// <param name="Shape">A digest of the columns: while it is the same, so are they.</param>
/// <param name="PrimaryKey">Names of the key's columns; empty when there is none.</param>
internal sealed record PostgresTable(uint Oid, string QualifiedName, string Shape, IReadOnlyList<PostgresColumn> Columns, IReadOnlyList<string> PrimaryKey)
{
    /// <summary>The greatest number of a column of it, whether or not that one comes into the lake.</summary>
    public int LastNumber { get; init; }

    /// <summary>The schema of chunks read by watermark: the table's columns, <c>_op</c>, <c>_position</c>.</summary>
    /// <remarks>All columns are nullable: values that the lake's types do not have (infinity, BC dates) become null.</remarks>
    public Schema ChunkSchema { get; } = new([.. FieldsOf(Columns), BronzeColumns.OpField, BronzeColumns.PositionField], null);

    /// <summary>The schema of captured changes: also <c>_changed</c> and <c>_sequence</c>.</summary>
    public Schema ChangeSchema { get; } =
        new([.. FieldsOf(Columns), ChangeColumns.ChangedField, ChangeColumns.SequenceField, BronzeColumns.OpField, BronzeColumns.PositionField], null);

    /// <summary>The columns to select, in order, in the form that their decoders read.</summary>
    public string SelectList => string.Join(", ", Columns.Select(column => column.IsGone ? "null" : ColumnType.Of(column).Select(Sql.Identifier(column.Name))));

    /// <summary>What the server takes for equal in columns that are text in the lake.</summary>
    public IEnumerable<(string Column, ValueEquality Equality)> Equalities => Columns.Select(column => (column.LakeName, column.Equality));

    /// <summary>-1 when there is no such column.</summary>
    public int IndexOf(string column)
    {
        for (var i = 0; i < Columns.Count; i++)
            if (Columns[i].Name == column) return i;
        return -1;
    }

    /// <summary>The table as the catalogue has it.</summary>
    public PostgresTable WithoutGone() => WithColumns([.. Columns.Where(column => !column.IsGone)]);

    /// <summary>The table with columns that only the stream has; one that the catalog has is the catalog's.</summary>
    public PostgresTable With(IEnumerable<PostgresColumn> gone) => WithColumns([.. Columns, .. gone.Where(column => IndexOf(column.Name) < 0)]);

    public PostgresTable WithColumns(IReadOnlyList<PostgresColumn> columns) => new(Oid, QualifiedName, Shape, columns, PrimaryKey) { LastNumber = LastNumber };

    /// <summary>The table with all columns that it has.</summary>
    public PostgresTable WithAll(IReadOnlyList<PostgresColumn> columns) => new(Oid, QualifiedName, Shape, columns, PrimaryKey) { LastNumber = columns.Count == 0 ? 0 : columns.Max(column => column.Number) };

    /// <summary>The table with the columns that its options take, under the names that they give.</summary>
    public PostgresTable Configured(PostgresTableOptions options) => options.Omit.Count + options.Rename.Count == 0
        ? this
        : WithColumns([.. Columns.Where(column => !options.Omit.Contains(column.Name, StringComparer.Ordinal)).Select(column => column with { LakeName = options.Rename.GetValueOrDefault(column.Name, column.LakeName) })]);

    /// <summary>The columns that a publication has of the table: what the server computes only where the publication says so.</summary>
    /// <param name="published">Null: it does not have the table (yet).</param>
    public PostgresTable Captured(PublishedTable? published) =>
        WithColumns([.. Columns.Where(column => published?.Columns is { } columns ? columns.Contains(column.Name) && (!column.IsGenerated || published.MayHaveGenerated) : !column.IsGenerated)]);

    private static IEnumerable<Field> FieldsOf(IReadOnlyList<PostgresColumn> columns) =>
        columns.Select(column => new Field(column.LakeName, ColumnType.Of(column).Arrow, nullable: true));
}

/// <param name="Number">The attribute number: stays with the column through a rename.</param>
/// <param name="TypeOid">The type's; for a domain its base type's.</param>
/// <param name="TypeKind"><c>pg_type.typtype</c>: b base, c composite, e enum, r range, m multirange.</param>
/// <param name="TypeCategory"><c>pg_type.typcategory</c>: A for arrays.</param>
/// <param name="ElementOid">The type of an array's elements; 0 for other types.</param>
/// <param name="TypeModifier"><c>atttypmod</c>; precision and scale of a numeric; -1 when there is none.</param>
internal sealed record PostgresColumn(short Number, string Name, uint TypeOid, string TypeName, char TypeKind, char TypeCategory, uint ElementOid, int TypeModifier,
    bool IsNotNull)
{
    /// <summary>Computed by the server from other columns; logical replication leaves it out.</summary>
    public bool IsGenerated { get; init; }

    /// <summary>Rows that were there before it may have a value in it: it has a default, or must have a value.</summary>
    public bool IsFilled { get; init; }

    /// <summary>The name in the lake.</summary>
    public string LakeName { get; init; } = Core.LakeName.OfSourceColumn(Name);

    public ValueEquality Equality => TypeOid switch
    {
        TypeOids.Numeric when ColumnType.Of(this).Arrow is StringType => ValueEquality.Number,
        TypeOids.Bpchar => ValueEquality.Padded,
        _ when TypeName == "citext" || TypeName.EndsWith(".citext", StringComparison.Ordinal) => ValueEquality.Caseless,
        _ => ValueEquality.Same,
    };

    /// <summary>Dropped or renamed by now: only changes from before have it.</summary>
    public bool IsGone { get; init; }

    /// <summary>The type as one would write it: with precision and scale where it has them.</summary>
    public string TypeText => ColumnType.Of(this).Arrow is Decimal128Type number ? $"{TypeName}({number.Precision},{number.Scale})" : TypeName;
}

/// <summary>The columns that captured changes have beside those of every Bronze table.</summary>
internal static class ChangeColumns
{
    /// <summary>
    /// The columns that the row carries, separated by commas; null when it carries all. The server does not send large
    /// values (TOAST) that an update has left alone, and a row has no others than its table had when it was written: those
    /// are null here and keep their value downstream.
    /// </summary>
    public static readonly Field ChangedField = BronzeColumns.ChangedField;

    /// <summary>
    /// Orders the changes of one transaction, which share their position: a place in the server's log, also for rows of a
    /// snapshot, whose splits count blocks.
    /// </summary>
    public static readonly Field SequenceField = new Field(BronzeColumns.Sequence, Int64Type.Default, nullable: false).As(BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog);
}
