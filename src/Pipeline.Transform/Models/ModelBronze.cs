using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Transform.Contracts;

namespace Pipeline.Transform.Models;

/// <summary>A Bronze table as a contract reads it, where no source is asked.</summary>
internal static class ModelBronze
{
    private const string Partition = "_partition";
    private const string Offset = "_offset";
    private const string RecordTime = "_timestamp";

    /// <summary>Of a table whose records are documents.</summary>
    private static readonly Field[] Topic =
    [
        new Field(Partition, Int32Type.Default, nullable: false).As(BronzeRole.Identifies | BronzeRole.Orders | BronzeRole.Split),
        new Field(Offset, Int64Type.Default, nullable: false).As(BronzeRole.Orders | BronzeRole.Number),
        new Field(RecordTime, BronzeColumns.Timestamp, nullable: true).As(BronzeRole.Identifies | BronzeRole.RecordTime),
        new Field("_key", StringType.Default, nullable: true),
        new Field("_headers", StringType.Default, nullable: true),
        new Field("value", StringType.Default, nullable: true).As(BronzeRole.Document),
    ];

    private static readonly Field[] Always = [BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField];

    private static readonly Field[] Sometimes =
    [
        BronzeColumns.EpochField, BronzeColumns.ReadingField, BronzeColumns.ChangedField, BronzeColumns.OrderTimeField, BronzeColumns.RedrivenFromField,
        new Field(BronzeColumns.Sequence, Int64Type.Default, nullable: true).As(BronzeRole.Orders | BronzeRole.Sequence | BronzeRole.PlacedInLog),
    ];

    /// <summary>
    /// What the contract reads and what the rows name. A column that the contract takes as it is has the contract's type, as long as all values
    /// have it; others have the type that their values have.
    /// </summary>
    public static IReadOnlyList<Field> ColumnsOf(SilverContract contract, ImmutableDictionary<string, IArrowType> types, IReadOnlyList<ModelRows> given)
    {
        List<Field> fields = [.. contract.Format == RecordFormat.Json ? Topic : [], .. Always];
        var names = contract.Columns.SelectMany(column => column.Sources).Select(source => source.Column).OfType<string>().Concat(contract.OrderBy.Where(name => name[0] == '_')).Concat(given.SelectMany(rows => rows.Columns));
        foreach (var name in names)
        {
            var lake = NameOf(name);
            if (fields.Exists(field => string.Equals(field.Name, lake, StringComparison.OrdinalIgnoreCase))) continue;
            fields.Add(Sometimes.FirstOrDefault(field => field.Name == lake) ?? new Field(lake, types.GetValueOrDefault(name) ?? TypeOf(contract, name, [.. given.SelectMany(rows => rows.Of(name)).OfType<ModelValue>()]), nullable: true));
        }

        return fields;
    }

    /// <summary>The lake's name for a column that is written as its source has it.</summary>
    public static string NameOf(string column) => BronzeColumns.IsOwn(column) ? column : LakeName.OfSourceColumn(column);

    /// <summary>What a row has of a column that it does not name.</summary>
    /// <param name="position">Of the row among all that are given to the table, from 1.</param>
    public static ModelValue? Default(string column, long position, DateTimeOffset now) => column switch
    {
        BronzeColumns.Op => Text("c"),
        BronzeColumns.Position or Offset => Text(position.ToString(CultureInfo.InvariantCulture)),
        Partition => Text("0"),
        RecordTime or BronzeColumns.IngestedAt => Text(now.ToString("O", CultureInfo.InvariantCulture)),
        _ => null,
    };

    private static ModelValue Text(string text) => new(JsonValueKind.String, text);

    private static IArrowType TypeOf(SilverContract contract, string name, IReadOnlyList<ModelValue> values)
    {
        var read = contract.Columns.FirstOrDefault(column => column is { Value: null, Path: null } && column.From == name)?.Type;
        var kinds = values.Select(value => value.Kind).Distinct().ToList();
        IEnumerable<IArrowType> candidates = kinds switch
        {
            [JsonValueKind.Number] => [Int64Type.Default, DoubleType.Default],
            [] or [JsonValueKind.String] => [],
            _ when kinds.TrueForAll(kind => kind is JsonValueKind.True or JsonValueKind.False) => [BooleanType.Default],
            _ => [],
        };
        return (read is null ? candidates : candidates.Prepend(read)).FirstOrDefault(type => values.All(value => ModelLiteral.TryOf(value, type) is not null)) ?? StringType.Default;
    }
}
