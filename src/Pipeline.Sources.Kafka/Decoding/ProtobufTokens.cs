using System.Globalization;
using System.Text;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The words, numbers, texts and signs of a .proto file, without white space and comments.</summary>
internal sealed class ProtobufTokens(string text)
{
    private int _at;
    private int _line = 1;
    private string? _current;

    public int Line => _line;

    /// <summary>The next token, quoted when it is a text; empty at the end.</summary>
    public string Current => _current ??= Scan();

    public bool IsText => Current is ['"' or '\'', ..];

    public string Take()
    {
        var token = Current;
        _current = null;
        return token.Length > 0 ? token : throw Fault("the text ends early");
    }

    public bool TryTake(string token)
    {
        if (Current != token) return false;
        _current = null;
        return true;
    }

    public void Expect(string token)
    {
        if (!TryTake(token)) throw Fault($"'{token}' is expected, not '{Current}'");
    }

    public string TakeName()
    {
        if (Current.Length == 0 || !(char.IsAsciiLetter(Current[0]) || Current[0] is '_' or '.')) throw Fault($"a name is expected, not '{Current}'");
        return Take();
    }

    public int TakeNumber()
    {
        var sign = TryTake("-") ? -1 : 1;
        var token = Take();
        var (digits, radix) = token.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? (token[2..], 16) : token is ['0', _, ..] ? (token[1..], 8) : (token, 10);
        try
        {
            return checked((int)(sign * (radix == 10 ? long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture) : Convert.ToInt64(digits, radix))));
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw Fault($"a number is expected, not '{token}'");
        }
    }

    /// <summary>The content of one text, or of several in a row.</summary>
    public string TakeText()
    {
        if (!IsText) throw Fault($"a text is expected, not '{Current}'");
        var content = new StringBuilder();
        while (IsText) content.Append(Unescape(Take()));
        return content.ToString();
    }

    /// <summary>Goes on behind the <paramref name="end"/> that belongs to what is open; whatever is in braces is skipped.</summary>
    public void SkipTo(string end)
    {
        var open = 0;
        for (var token = Take(); open > 0 || token != end; token = Take())
            open += token switch { "{" or "[" or "(" => 1, "}" or "]" or ")" => -1, _ => 0 };
    }

    public FormatException Fault(string what) => new($"line {_line}: {what}");

    private string Scan()
    {
        SkipBlank();
        if (_at == text.Length) return "";
        var from = _at++;
        var first = text[from];
        if (first is '"' or '\'')
        {
            while (_at < text.Length && text[_at] != first && text[_at] != '\n') _at += text[_at] == '\\' ? 2 : 1;
            if (_at >= text.Length || text[_at] != first) throw Fault("a text has no end");
            _at++;
        }
        else if (IsWord(first) || first == '.')
        {
            while (_at < text.Length && (IsWord(text[_at]) || text[_at] == '.')) _at++;
        }

        return text[from.._at];
    }

    private void SkipBlank()
    {
        while (_at < text.Length)
        {
            var rest = text.AsSpan(_at);
            var length = rest.StartsWith("//") ? rest.IndexOf('\n') is >= 0 and var end ? end : rest.Length
                : rest.StartsWith("/*") ? rest[2..].IndexOf("*/") is >= 0 and var close ? close + 4 : throw Fault("a comment has no end")
                : char.IsWhiteSpace(rest[0]) || rest[0] == '\uFEFF' ? 1 : 0;
            if (length == 0) return;
            _line += rest[..length].Count('\n');
            _at += length;
        }
    }

    /// <summary>Only what a name in JSON or an import can need: a sign behind a backslash stands for itself.</summary>
    private static string Unescape(string token)
    {
        var content = token[1..^1];
        if (!content.Contains('\\', StringComparison.Ordinal)) return content;
        var plain = new StringBuilder();
        for (var at = 0; at < content.Length; at++) plain.Append(content[at] == '\\' ? content[++at] : content[at]);
        return plain.ToString();
    }

    private static bool IsWord(char sign) => char.IsAsciiLetterOrDigit(sign) || sign == '_';
}
