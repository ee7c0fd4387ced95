using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Schemas;

namespace Pipeline.Delta.Log;

/// <summary>Which columns of a table have statistics in its log.</summary>
/// <remarks>
/// A column that may have no bounds is kept out by <see cref="TableProperties.StatisticsColumnsKey"/>: some readers take a missing
/// minimum for a guarantee, and lose every row of a condition on that column.
/// </remarks>
internal sealed partial class IndexedColumns
{
    private readonly HashSet<string>? _names;

    private IndexedColumns(int leaves, HashSet<string>? names) => (Leaves, _names) = (leaves, names);

    /// <summary>So many leaf columns from the first; all when negative.</summary>
    public int Leaves { get; }

    /// <param name="metadata">Null: of a new table.</param>
    public static IndexedColumns Of(MetadataAction? metadata) =>
        metadata is not null && metadata.Configuration.TryGetValue(TableProperties.StatisticsColumnsKey, out var names)
            ? new IndexedColumns(-1, [.. Name().Matches(names).Select(name => name.Value is ['`', .. var quoted, '`'] ? quoted.Replace("``", "`", StringComparison.Ordinal) : name.Value)])
            : new IndexedColumns(TableProperties.IndexedLeaves(metadata), names: null);

    /// <summary>Whether a top-level column may have some.</summary>
    public bool Has(string column) => _names is null || _names.Contains(column);

    /// <summary>Those of a table of flat columns.</summary>
    public IReadOnlyList<Field> Among(IReadOnlyCollection<Field> columns) => [.. columns.Take(Leaves < 0 ? columns.Count : Leaves).Where(column => Has(column.Name))];

    /// <summary>The properties of a table of these columns; what somebody else has set stays.</summary>
    /// <param name="before">The columns for which <paramref name="configuration"/> was made; null: it is new.</param>
    public static IEnumerable<KeyValuePair<string, string?>> Changes(IReadOnlyDictionary<string, string> configuration, Schema? before, Schema schema, IReadOnlyCollection<string> partitionColumns, int leaves)
    {
        var known = configuration.GetValueOrDefault(TableProperties.StatisticsColumnsKey);
        if (known is not null && (before is null || known != NamesOf(before, partitionColumns, leaves))) yield break;
        var names = NamesOf(schema, partitionColumns, leaves);
        if (names != known) yield return KeyValuePair.Create(TableProperties.StatisticsColumnsKey, names);
    }

    /// <summary>Null where all columns that would have statistics have bounds too.</summary>
    private static string? NamesOf(Schema schema, IReadOnlyCollection<string> partitionColumns, int leaves)
    {
        var left = leaves < 0 ? int.MaxValue : leaves;
        var areAllBounded = true;
        List<string> names = [];
        foreach (var field in schema.FieldsList.Where(field => !partitionColumns.Contains(field.Name)))
        {
            if (left <= 0) break;
            left -= LeavesOf(field.DataType);
            if (TableColumns.HasStatistics(field) && HasBounds(field.DataType)) names.Add(Word().IsMatch(field.Name) ? field.Name : $"`{field.Name.Replace("`", "``", StringComparison.Ordinal)}`");
            else areAllBounded = false;
        }

        return areAllBounded ? null : string.Join(',', names);
    }

    private static int LeavesOf(IArrowType type) => type is StructType structure ? structure.Fields.Sum(field => LeavesOf(field.DataType)) : 1;

    private static bool HasBounds(IArrowType type) => type is StructType structure ? structure.Fields.All(field => HasBounds(field.DataType)) : TableColumns.HasBounds(type);

    [GeneratedRegex("`(?:[^`]|``)+`|[^,`]+")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]*\z")]
    private static partial Regex Word();
}
