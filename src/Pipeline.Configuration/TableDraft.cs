using System.Text.Json;
using Apache.Arrow.Types;

namespace Pipeline.Configuration;

/// <summary>A configuration of one table of one source, as nobody has written it yet.</summary>
/// <param name="Source">The source's name.</param>
/// <param name="Table">The table's name in the lake.</param>
/// <param name="Settings">Lines that stand in the source's section, the same for each of its tables.</param>
/// <param name="TableSettings">What stands in the section of the table.</param>
/// <param name="Columns">Of the table's contract.</param>
/// <param name="Key">Of these, by their names in the source.</param>
public sealed record TableDraft(string Source, string Table, IReadOnlyList<string> Settings, string TableSettings, IReadOnlyList<DraftColumn> Columns, IReadOnlyList<string> Key)
{
    /// <summary>Further lines of the contract.</summary>
    public IReadOnlyList<string> Contract { get; init; } = [];

    /// <summary>What the table's reader has to know of it.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>A text as a configuration writes it.</summary>
    public static string Quote(string text) => $"\"{JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    /// <summary>A name of a source or table that is like the given one: of small letters, digits and <c>_</c>.</summary>
    public static string NameOf(string text)
    {
        var name = string.Concat(text.Trim('"').Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '_')).Trim('_');
        return name.Length == 0 || !char.IsAsciiLetter(name[0]) ? $"t_{name}" : name;
    }
}

/// <param name="Name">In the source's table.</param>
/// <param name="Type">As the source describes it.</param>
/// <param name="IsRequired">The source says that every row has it.</param>
public sealed record DraftColumn(string Name, IArrowType Type, bool IsRequired);
