using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Catalog;

/// <summary>A table as the server's catalog has it.</summary>
/// <param name="Oid">Changes when the table is dropped and made again.</param>
/// <param name="QualifiedName">Schema and name, quoted for SQL.</param>
/// <param name="Shape">A digest of the columns: while it is the same, so are they.</param>
internal sealed record PostgresTable(uint Oid, string QualifiedName, string Shape, IReadOnlyList<PostgresColumn> Columns)
{
    /// <summary>The schema of chunks: the table's columns, <c>_op</c>, <c>_position</c>.</summary>
    /// <remarks>All columns are nullable: values that the lake's types do not have (infinity, BC dates) become null.</remarks>
    public Schema ChunkSchema { get; } = new(
    [
        .. Columns.Select(column => new Field(column.Name, ColumnType.Of(column).Arrow, nullable: true)),
        BronzeColumns.OpField,
        BronzeColumns.PositionField,
    ], null);
}

/// <param name="Number">The attribute number: stays with the column through a rename.</param>
/// <param name="TypeOid">The type's; for a domain its base type's.</param>
/// <param name="TypeKind"><c>pg_type.typtype</c>: b base, c composite, e enum, r range, m multirange.</param>
/// <param name="TypeCategory"><c>pg_type.typcategory</c>: A for arrays.</param>
/// <param name="TypeModifier"><c>atttypmod</c>; precision and scale of a numeric; -1 when there is none.</param>
internal sealed record PostgresColumn(short Number, string Name, uint TypeOid, string TypeName, char TypeKind, char TypeCategory, int TypeModifier, bool IsNotNull);
