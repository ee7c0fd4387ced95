using Apache.Arrow;
using Pipeline.Core;

namespace Pipeline.Delta.Schemas;

/// <summary>What a table's schema lacks of a wanted one.</summary>
/// <param name="Added">Columns that are not there.</param>
/// <param name="Retyped">Columns of another type, as they are and as they should be; a table does not take such.</param>
/// <param name="Described">Columns that do not say of themselves yet what the wanted ones do.</param>
public sealed record SchemaDifference(IReadOnlyList<Field> Added, IReadOnlyList<(Field Present, Field Wanted)> Retyped, IReadOnlyList<Field> Described)
{
    public bool IsEmpty => Added.Count + Retyped.Count + Described.Count == 0;

    public static SchemaDifference Of(Schema present, Schema wanted)
    {
        var known = present.FieldsList.ToDictionary(field => field.Name, StringComparer.OrdinalIgnoreCase);
        var pairs = wanted.FieldsList.Select(field => (Present: known.GetValueOrDefault(field.Name), Wanted: field)).ToList();
        var both = pairs.Where(pair => pair.Present is not null).Select(pair => (Present: pair.Present!, pair.Wanted)).ToList();
        return new SchemaDifference(
            [.. pairs.Where(pair => pair.Present is null).Select(pair => pair.Wanted)],
            [.. both.Where(pair => LakeType.Name(pair.Present.DataType) != LakeType.Name(pair.Wanted.DataType))],
            [.. both.Where(pair => SaysMore(pair.Wanted, pair.Present)).Select(pair => pair.Wanted)]);
    }

    /// <summary>A column with its type, for messages.</summary>
    public static string Describe(Field field) => $"{field.Name} {LakeType.Name(field.DataType)}";

    public override string ToString() => string.Join("; ", Parts());

    private IEnumerable<string> Parts()
    {
        if (Added.Count > 0) yield return $"new columns {string.Join(", ", Added.Select(Describe))}";
        if (Retyped.Count > 0) yield return $"other types {string.Join(", ", Retyped.Select(pair => $"{Describe(pair.Present)} -> {LakeType.Name(pair.Wanted.DataType)}"))}";
        if (Described.Count > 0) yield return $"columns that now say what they are {string.Join(", ", Described.Select(field => field.Name))}";
    }

    private static bool SaysMore(Field wanted, Field present) =>
        wanted.HasMetadata && wanted.Metadata.Keys.Any(key => !present.HasMetadata || !present.Metadata.ContainsKey(key));
}
