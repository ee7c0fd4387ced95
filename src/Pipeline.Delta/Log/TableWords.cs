using System.Collections.Immutable;
using Apache.Arrow;

namespace Pipeline.Delta.Log;

/// <summary>
/// What a table and its columns say to people: <c>description</c> of its metadata and <c>comment</c> of its fields, which Spark, DuckDB and
/// catalogues show.
/// </summary>
/// <param name="Description">Empty: what stands there goes; null: it stays.</param>
/// <param name="Columns">By name, the same; those that are not among them stay as they are, and those that the table does not have are passed over.</param>
public sealed record TableWords(string? Description, ImmutableSortedDictionary<string, string> Columns)
{
    /// <summary>Of a field's metadata.</summary>
    public const string CommentKey = "comment";

    /// <summary>Null where nothing is said.</summary>
    public static TableWords? Of(string? description, IEnumerable<KeyValuePair<string, string>> columns)
    {
        var said = columns.ToImmutableSortedDictionary(StringComparer.Ordinal);
        return description is null && said.IsEmpty ? null : new TableWords(description, said);
    }

    /// <summary>What a field says; null: nothing.</summary>
    public static string? CommentOf(Field field) => field.HasMetadata && field.Metadata.TryGetValue(CommentKey, out var comment) ? comment : null;

    /// <summary>Whether the table says something else of itself.</summary>
    public bool IsOtherThan(MetadataAction metadata) => Description is { } said && said != (metadata.Description ?? "");

    /// <summary>The columns that say something else.</summary>
    public IEnumerable<Field> OtherThan(Schema schema) => schema.FieldsList.Where(field => Columns.TryGetValue(field.Name, out var said) && said != (CommentOf(field) ?? ""));

    internal MetadataAction Of(MetadataAction metadata) => IsOtherThan(metadata) ? metadata with { Description = Description!.Length == 0 ? null : Description } : metadata;

    /// <summary>The same object when nothing is other.</summary>
    internal Schema Of(Schema schema)
    {
        var others = OtherThan(schema).ToHashSet();
        return others.Count == 0 ? schema : new Schema([.. schema.FieldsList.Select(field => others.Contains(field) ? Said(field, Columns[field.Name]) : field)], schema.HasMetadata ? schema.Metadata : null);
    }

    private static Field Said(Field field, string comment)
    {
        var metadata = new Dictionary<string, string>(field.HasMetadata ? field.Metadata : ImmutableDictionary<string, string>.Empty, StringComparer.Ordinal);
        if (comment.Length == 0) metadata.Remove(CommentKey);
        else metadata[CommentKey] = comment;
        return new Field(field.Name, field.DataType, field.IsNullable, metadata.Count == 0 ? null : metadata);
    }
}
