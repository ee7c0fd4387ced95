using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Schemas;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>The tables that a contract makes, and their columns.</summary>
public static class SilverTables
{
    /// <summary>Where deletes go that won: keeps an older row of the same key that comes later from coming back.</summary>
    public static TableId Deleted(TableId silver) => TableId.Silver(silver.Name + TableId.DeletedSuffix);

    /// <summary>
    /// Columns of the Silver table and of its deletes: those of the contract, then the ordering ones and
    /// <c>_ingested_at</c>; with change capture the one that lists the columns whose value is known: null means all.
    /// Personal ones get no bounds. Everything may be null as far as Delta is concerned; the contract's rules see to the rest.
    /// </summary>
    /// <exception cref="PipelineException">Bronze does not have a column that the contract orders by.</exception>
    public static IReadOnlyList<Field> Columns(SilverContract contract, Schema bronze)
    {
        var fields = contract.Columns.Select(column => column.ToField()).ToList();
        string[] technical = [.. OrderingColumns(contract, bronze), BronzeColumns.IngestedAt, .. BronzeShape.Of(bronze).Changed is { } changed ? [changed] : System.Array.Empty<string>()];
        foreach (var name in technical)
        {
            if (fields.Exists(field => field.Name == name)) continue;
            if (name == BronzeColumns.OrderTime)
            {
                fields.Add(new Field(name, BronzeColumns.Timestamp, nullable: true));
                continue;
            }

            var column = bronze.FieldsList.FirstOrDefault(field => field.Name == name)
                ?? throw new PipelineException(FaultKind.Invalid, $"Table {contract.Table}, order-by", $"{contract.From} has no column '{name}' ({contract.Location})",
                    $"Correct order-by{SettingsReader.Nearest(name, bronze.FieldsList.Select(field => field.Name))}");
            fields.Add(new Field(name, column.DataType, nullable: true));
        }

        return fields;
    }

    /// <summary>The Bronze column that a contract names: as the lake has it, or as its source does; null: there is none.</summary>
    public static Field? TryBronze(IReadOnlyList<Field> bronze, string from) =>
        bronze.FirstOrDefault(field => string.Equals(field.Name, LakeName.OfSourceColumn(from), StringComparison.OrdinalIgnoreCase))
        ?? bronze.FirstOrDefault(field => string.Equals(field.Name, from, StringComparison.OrdinalIgnoreCase));

    /// <summary>The name by which a change says that it carries what a contract reads; null: every change does.</summary>
    internal static string? CarriedAs(ColumnExpression.Source source, IReadOnlyList<Field> bronze, BronzeShape shape)
    {
        var from = source.Column ?? shape.Document!;
        var name = TryBronze(bronze, from)?.Name ?? from;
        if (BronzeColumns.IsOwn(name)) return null;
        if (!shape.AreMembersCarried) return name;
        return name == shape.Document && source.Path is { } path ? LakeName.OfSourceColumn(JsonPath.TryParse(path)!.Steps[0]) : null;
    }

    /// <summary>Technical columns that decide which of two rows is newer.</summary>
    public static IReadOnlyList<string> OrderingColumns(SilverContract contract, Schema bronze) =>
        Ordering(contract, BronzeShape.Of(bronze));

    private static IReadOnlyList<string> Ordering(SilverContract contract, BronzeShape shape) =>
        [.. contract.OrderBy.Where(name => name[0] == '_').Concat(shape.Ordering).Concat(new[] { shape.Epoch, shape.Reading }.OfType<string>()).Concat(RowOrder.HasTime(shape) ? [BronzeColumns.OrderTime] : []).Distinct(StringComparer.Ordinal)];

    /// <summary>
    /// Columns of the quarantine: the key as text, the broken rules separated by commas, whether only references are
    /// missing (so the row is tried again), the Bronze row as a JSON object of texts, where it stands in Bronze, and by what rules it was judged.
    /// </summary>
    public static IReadOnlyList<Field> QuarantineColumns(SilverContract contract) =>
    [
        .. contract.KeyColumns.Select(column => column.Stored(StringType.Default)),
        new Field("_rules", StringType.Default, nullable: true),
        new Field("_held", BooleanType.Default, nullable: true),
        new Field("_row", StringType.Default, nullable: true, TableColumns.WithoutStatistics),
        new Field("_op", StringType.Default, nullable: true),
        new Field("_position", Int64Type.Default, nullable: true),
        new Field("_bronze_file", StringType.Default, nullable: true),
        new Field("_bronze_row", Int64Type.Default, nullable: true),
        new Field("_bronze_version", Int64Type.Default, nullable: true),
        new Field("_quarantined_at", BronzeColumns.Timestamp, nullable: true),
        new Field(Judging, Int64Type.Default, nullable: true),
    ];

    /// <summary>The column of the quarantine that says by what rules a row was judged: <see cref="ContractFingerprint.OfJudging"/>; null in rows of earlier releases.</summary>
    public const string Judging = "_judging";

    /// <summary>What identifies a row of the quarantine: its place in Bronze.</summary>
    public static readonly IReadOnlyList<string> QuarantineKey = ["_bronze_file", "_bronze_row"];
}
