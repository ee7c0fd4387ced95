using System.Globalization;
using System.Text;

namespace Pipeline.Emulation.Snowflake;

/// <summary>A value for a <c>?</c> of a statement, as the SQL API takes it: a type name and text.</summary>
internal readonly record struct SnowflakeBinding(string Type, string? Value);

/// <summary>A name as written in a statement, resolved as Snowflake does: unquoted parts in upper case.</summary>
/// <param name="Start">Index of its first token.</param>
/// <param name="Count">Tokens it spans.</param>
internal readonly record struct ObjectReference(IReadOnlyList<string> Parts, int Start, int Count);

/// <summary>A statement's tokens: enough of the dialect to bind values and to find the tables it names.</summary>
internal sealed class SnowflakeSql
{
    private static readonly HashSet<string> BeforeTable = new(StringComparer.OrdinalIgnoreCase) { "FROM", "JOIN", "INTO", "UPDATE" };

    private readonly List<string> _tokens = [];

    public SnowflakeSql(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var length = TokenLength(text, at);
            _tokens.Add(text.Substring(at, length));
            at += length;
        }
    }

    public string Text => string.Concat(_tokens);

    /// <summary>The first words in upper case, for deciding what kind of statement this is.</summary>
    public IReadOnlyList<string> Words(int count) =>
        [.. _tokens.Where(token => !IsBlank(token)).Take(count).Select(token => token.ToUpperInvariant())];

    /// <summary>Whether <paramref name="name"/> stands in double quotes somewhere.</summary>
    public bool Quotes(string name) => _tokens.Contains($"\"{name}\"");

    /// <summary>Puts the values in the places of the question marks.</summary>
    public void Bind(IReadOnlyDictionary<int, SnowflakeBinding> bindings)
    {
        var index = 0;
        for (var i = 0; i < _tokens.Count; i++)
        {
            if (_tokens[i] != "?") continue;
            index++;
            if (!bindings.TryGetValue(index, out var binding))
                throw SnowflakeError.Sql("002049", "42601", $"SQL compilation error:\nBind variable ?{index} not set.");
            _tokens[i] = Literal(binding);
        }
    }

    /// <summary>The tables that the statement reads or writes.</summary>
    public IReadOnlyList<ObjectReference> Tables()
    {
        var tables = new List<ObjectReference>();
        var named = CommonTableNames();
        for (var i = 0; i < _tokens.Count; i++)
        {
            if (!BeforeTable.Contains(_tokens[i])) continue;
            var start = Next(i + 1);
            if (Reference(start) is { } reference && !(reference.Parts.Count == 1 && named.Contains(reference.Parts[0]))) tables.Add(reference);
        }

        return tables;
    }

    /// <summary>Puts <paramref name="sql"/> in the place of a reference.</summary>
    public void Replace(ObjectReference reference, string sql)
    {
        _tokens[reference.Start] = sql;
        for (var i = 1; i < reference.Count; i++) _tokens[reference.Start + i] = "";
    }

    private HashSet<string> CommonTableNames()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < _tokens.Count; i++)
        {
            if (!IsIdentifier(_tokens[i])) continue;
            var next = Next(i + 1);
            if (next < _tokens.Count && _tokens[next].Equals("AS", StringComparison.OrdinalIgnoreCase)
                && Next(next + 1) is var open && open < _tokens.Count && _tokens[open] == "(")
                names.Add(Resolve(_tokens[i]));
        }

        return names;
    }

    private ObjectReference? Reference(int start)
    {
        if (start >= _tokens.Count || !IsIdentifier(_tokens[start])) return null;
        var parts = new List<string> { Resolve(_tokens[start]) };
        var end = start + 1;
        while (end + 1 < _tokens.Count && _tokens[end] == "." && IsIdentifier(_tokens[end + 1]))
        {
            parts.Add(Resolve(_tokens[end + 1]));
            end += 2;
        }

        return new ObjectReference(parts, start, end - start);
    }

    private int Next(int from)
    {
        while (from < _tokens.Count && IsBlank(_tokens[from])) from++;
        return from;
    }

    private static string Resolve(string token) =>
        token[0] == '"' ? token[1..^1].Replace("\"\"", "\"") : token.ToUpperInvariant();

    private static bool IsBlank(string token) => token.Length == 0 || char.IsWhiteSpace(token[0]) || token.StartsWith("--", StringComparison.Ordinal);

    private static bool IsIdentifier(string token) => token.Length > 0 && (token[0] is '"' or '_' || char.IsLetter(token[0]));

    private static int TokenLength(string text, int at)
    {
        var end = at + 1;
        switch (text[at])
        {
            case '\'' or '"':
                while (end < text.Length && (text[end] != text[at] || (end + 1 < text.Length && text[end + 1] == text[at])))
                    end += text[end] == text[at] ? 2 : 1;
                if (end >= text.Length) throw SnowflakeError.Sql("001003", "42000", $"SQL compilation error:\nparse error near position {at}: unfinished {text[at]}.");
                return end + 1 - at;
            case '-' when end < text.Length && text[end] == '-':
                while (end < text.Length && text[end] != '\n') end++;
                return end - at;
            case var c when char.IsLetter(c) || c == '_':
                while (end < text.Length && (char.IsLetterOrDigit(text[end]) || text[end] is '_' or '$')) end++;
                return end - at;
            case var c when char.IsWhiteSpace(c):
                while (end < text.Length && char.IsWhiteSpace(text[end])) end++;
                return end - at;
            default:
                return 1;
        }
    }

    private static string Literal(SnowflakeBinding binding)
    {
        if (binding.Value is not { } value) return "NULL";
        switch (binding.Type.ToUpperInvariant())
        {
            case "FIXED" when decimal.TryParse(value, NumberStyles.Number, CultureInfo.InvariantCulture, out _):
            case "REAL" when double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _):
                return value;
            case "TEXT":
                return Quote(value);
            case "BOOLEAN" when bool.TryParse(value, out var flag):
                return flag ? "TRUE" : "FALSE";
            case "DATE":
                return $"CAST({Quote(value)} AS DATE)";
            case "TIME":
                return $"CAST({Quote(value)} AS TIME)";
            case "TIMESTAMP_NTZ":
                return $"CAST({Quote(value)} AS TIMESTAMP)";
            case "TIMESTAMP_LTZ" or "TIMESTAMP_TZ":
                return $"CAST({Quote(value)} AS TIMESTAMPTZ)";
            case "BINARY":
                return $"unhex({Quote(value)})";
            default:
                throw SnowflakeError.Sql("100038", "22018", $"Value '{value}' is not recognized as {binding.Type}.");
        }
    }

    private static string Quote(string value) => new StringBuilder(value).Replace("'", "''").Insert(0, '\'').Append('\'').ToString();
}
