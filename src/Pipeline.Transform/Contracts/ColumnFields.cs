using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Delta.Schemas;

namespace Pipeline.Transform.Contracts;

/// <summary>What a column's metadata in the Delta log says beside its type.</summary>
internal static class ColumnFields
{
    /// <summary>Of a column that is hashed: the version of its key.</summary>
    public const string MaskKey = "pipeline.maskKey";

    /// <param name="hasStatistics">False for personal data: no bounds.</param>
    /// <param name="maskKey">Null: it is not hashed.</param>
    public static Field Of(string name, IArrowType type, bool hasStatistics, string? maskKey)
    {
        if (maskKey is null) return new Field(name, type, nullable: true, hasStatistics ? null : TableColumns.WithoutStatistics);
        var metadata = new Dictionary<string, string>(hasStatistics ? new Dictionary<string, string>() : TableColumns.WithoutStatistics, StringComparer.Ordinal) { [MaskKey] = maskKey };
        return new Field(name, type, nullable: true, metadata);
    }

    /// <summary>The version of the key that a column is hashed with; null: it is not.</summary>
    public static string? MaskKeyOf(Field field) => field.HasMetadata && field.Metadata.TryGetValue(MaskKey, out var version) ? version : null;
}
