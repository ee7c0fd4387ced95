using System.Text;

namespace Pipeline.Configuration;

/// <summary>A file stops making sense at a place.</summary>
internal sealed class HoconSyntaxException(int line, string message) : Exception(message)
{
    public int Line { get; } = line;
}

/// <summary>Characters, lines, comments and strings of one file.</summary>
internal sealed class HoconScanner(string text)
{
    public const char End = '\0';

    private const string NotInUnquoted = "$\"{}[]:=,+#`^?!@*&\\";

    private int _at = text.StartsWith('\uFEFF') ? 1 : 0;

    /// <summary>Counted from one.</summary>
    public int Line { get; private set; } = 1;

    public bool AtEnd => _at >= text.Length;

    public char Peek(int ahead = 0) => _at + ahead < text.Length ? text[_at + ahead] : End;

    public char Next()
    {
        var c = text[_at++];
        if (c == '\n') Line++;
        return c;
    }

    public bool TryTake(string expected)
    {
        if (string.CompareOrdinal(text, _at, expected, 0, expected.Length) != 0) return false;
        for (var i = 0; i < expected.Length; i++) Next();
        return true;
    }

    /// <summary>Spaces and tabs, no new line.</summary>
    public string TakeSpaces()
    {
        var start = _at;
        while (!AtEnd && Peek() != '\n' && IsSpace(Peek())) _at++;
        return text[start.._at];
    }

    /// <summary>White space, new lines and comments; whether there was a new line among them.</summary>
    public bool SkipToContent()
    {
        var startLine = Line;
        while (!AtEnd)
        {
            if (IsSpace(Peek())) Next();
            else if (AtComment) SkipLine();
            else break;
        }

        return Line > startLine;
    }

    public bool AtComment => Peek() == '#' || (Peek() == '/' && Peek(1) == '/');

    public bool AtUnquoted => !AtEnd && IsUnquoted(Peek()) && !AtComment;

    /// <summary>A piece of unquoted text without white space.</summary>
    /// <param name="stopAt">Another character that ends it: the dot between the parts of a key.</param>
    public string TakeUnquoted(char? stopAt = null)
    {
        var start = _at;
        while (AtUnquoted && Peek() != stopAt) _at++;
        return text[start.._at];
    }

    /// <summary>A string in one or three quotation marks.</summary>
    public string TakeQuoted()
    {
        if (TryTake("\"\"\"")) return TakeTripleQuoted();

        var line = Line;
        Next();
        var value = new StringBuilder();
        while (true)
        {
            if (AtEnd || Peek() == '\n') throw new HoconSyntaxException(line, "a string that begins here has no closing \". Strings over several lines stand between \"\"\"");
            var c = Next();
            switch (c)
            {
                case '"': return value.ToString();
                case '\\': value.Append(TakeEscape()); break;
                default: value.Append(c); break;
            }
        }
    }

    private string TakeTripleQuoted()
    {
        var line = Line;
        var end = text.IndexOf("\"\"\"", _at, StringComparison.Ordinal);
        if (end < 0) throw new HoconSyntaxException(line, "a string that begins here has no closing \"\"\"");
        // More than three marks: the last three close, the ones before belong to the text.
        while (end + 3 < text.Length && text[end + 3] == '"') end++;
        var value = text[_at..end];
        while (_at < end + 3) Next();
        return value;
    }

    private char TakeEscape()
    {
        var c = AtEnd ? End : Next();
        switch (c)
        {
            case '"' or '\\' or '/': return c;
            case 'n': return '\n';
            case 't': return '\t';
            case 'r': return '\r';
            case 'b': return '\b';
            case 'f': return '\f';
            case 'u' when _at + 4 <= text.Length
                && ushort.TryParse(text.AsSpan(_at, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var code):
                _at += 4;
                return (char)code;
            default:
                throw new HoconSyntaxException(Line, $"'\\{(c == End ? ' ' : c)}' is not an escape. Allowed: \\\" \\\\ \\/ \\n \\t \\r \\b \\f \\uXXXX; or write the string between \"\"\"");
        }
    }

    private void SkipLine()
    {
        while (!AtEnd && Peek() != '\n') Next();
    }

    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c == '\uFEFF';

    private static bool IsUnquoted(char c) => !IsSpace(c) && !NotInUnquoted.Contains(c);
}
