using Apache.Arrow;

namespace Pipeline.Core;

/// <summary>Which values of a column its source takes for equal, where these differ as the texts that the lake has of them.</summary>
public enum ValueEquality
{
    /// <summary>Those that are the same.</summary>
    Same,

    /// <summary>Numbers, whatever zeros stand at their end: 1.0 and 1.00.</summary>
    Number,

    /// <summary>Texts, whatever blanks stand at their end.</summary>
    Padded,

    /// <summary>Texts, whatever the case of their letters.</summary>
    Caseless,
}

/// <summary>What a source says of its columns' equality, beside the columns that it describes.</summary>
public static class ValueEqualities
{
    private const string Prefix = "pipeline.equality/";

    /// <summary>The schema with what is said of some of its columns.</summary>
    public static Schema With(this Schema schema, IEnumerable<(string Column, ValueEquality Equality)> said)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var metadata = said.Where(one => one.Equality != ValueEquality.Same).ToDictionary(one => Prefix + one.Column, one => one.Equality.ToString(), StringComparer.Ordinal);
        return metadata.Count == 0 ? schema : new Schema(schema.FieldsList, metadata);
    }

    public static ValueEquality EqualityOf(this Schema schema, string column)
    {
        ArgumentNullException.ThrowIfNull(schema);
        return schema.Metadata is { } said && said.TryGetValue(Prefix + column, out var word) && Enum.TryParse<ValueEquality>(word, out var equality) ? equality : ValueEquality.Same;
    }
}
