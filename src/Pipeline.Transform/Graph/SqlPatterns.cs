using System.Globalization;
using System.Text.RegularExpressions;

namespace Pipeline.Transform.Graph;

/// <summary>Which regular expressions mean the same to RE2 and to Java.</summary>
internal static partial class SqlPatterns
{
    private const string Categories = "LMNPSZC";

    /// <summary>What of a pattern is not portable, with the portable form; null: it is.</summary>
    public static string? Fault(string pattern)
    {
        var isMultiline = pattern.StartsWith("(?m)", StringComparison.Ordinal);
        var isInClass = false;
        for (var i = isMultiline ? 4 : 0; i < pattern.Length; i++)
        {
            var (c, next) = (pattern[i], i + 1 < pattern.Length ? pattern[i + 1] : '\0');
            if (c == '\\')
            {
                if (Escape(pattern, ref i) is { } escape) return escape;
            }
            else if (isInClass)
            {
                if (c == '[') return next == ':' ? $"[[:name:]] is another class on each engine. Write [A-Za-z], [0-9] or \\p{{L}}" : "'[' within a class begins another one on some engines. Write \\[";
                if (c == '&' && next == '&') return "'&&' within a class intersects classes on some engines. Write \\&";
                if (c == ']') isInClass = false;
            }
            else if (c == '[')
            {
                isInClass = true;
                // A bracket that comes first is a character.
                if (next == '^') i++;
                if (i + 1 < pattern.Length && pattern[i + 1] == ']') i++;
            }
            else if (c == '$' && !isMultiline)
            {
                return "'$' matches before a last line break on some engines. Write \\z";
            }
            else if (c == '.')
            {
                return "'.' leaves out other characters on each engine. Write [^\\n]";
            }
            else if (c == '(' && next == '?' && !(i + 2 < pattern.Length && pattern[i + 2] == ':'))
            {
                return pattern.AsSpan(i).StartsWith("(?i") ? "(?i) folds other letters on each engine. Write both cases, as [Aa]" : "a group that begins with (? is not known to each engine, but for (?:...) and (?m) at the start. Write (...)";
            }
            else if (c is '*' or '+' or '?' or '}' && next == '+')
            {
                return $"'{c}+' is not known to each engine. Write '{c}'";
            }
            else if (c == '{' && Repetition().Match(pattern, i) is { Success: true } times && times.Groups.Values.Skip(1).Any(group => group.Length > 4 || int.TryParse(group.Value, CultureInfo.InvariantCulture, out var n) && n > 1000))
            {
                return "more than 1000 repetitions are not known to each engine. Write fewer, or *";
            }
        }

        return null;
    }

    /// <summary>Whether a pattern matches the empty text, which each engine replaces in its own way.</summary>
    public static bool MatchesNothing(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.None, TimeSpan.FromSeconds(1)).IsMatch("");
        }
        catch (Exception e) when (e is ArgumentException or RegexMatchTimeoutException)
        {
            return false;
        }
    }

    private static string? Escape(string pattern, ref int at)
    {
        if (++at >= pattern.Length) return "it ends in a backslash. Write \\\\";
        var c = pattern[at];
        switch (c)
        {
            case 'b' or 'B':
                return $"\\{c} takes other letters for a word on each engine. Write the characters around it, as (^|[^A-Za-z])";
            case 's' or 'S':
                return $"\\{c} is another class on each engine. Write [{(c == 'S' ? "^" : "")} \\t\\n\\r]";
            case 'Z':
                return "\\Z is not known to each engine. Write \\z";
            case >= '1' and <= '9':
                return $"\\{c} in a pattern is not known to each engine. Spell the group out";
            case 'u':
                return "\\u is not known to each engine. Write \\x{00E9}, or the character itself";
            case 'p' or 'P':
                if (at + 1 < pattern.Length && pattern[at + 1] != '{') return Categories.Contains(pattern[++at], StringComparison.Ordinal) ? null : $"\\{c}{pattern[at]} is no category of characters";
                var end = pattern.IndexOf('}', at);
                var name = end < 0 ? "" : pattern[(at + 2)..end].TrimStart('^');
                if (name.Length is 0 or > 2 || !Categories.Contains(name[0], StringComparison.Ordinal)) return $"\\{c}{{{name}}} is not known to each engine. Write a category, as \\p{{L}}";
                at = end;
                return null;
            case 'Q':
                var close = pattern.IndexOf("\\E", at, StringComparison.Ordinal);
                at = close < 0 ? pattern.Length : close + 1;
                return null;
            case 'x' or 'd' or 'D' or 'w' or 'W' or 'A' or 'z' or 't' or 'n' or 'r' or 'f':
                return null;
            default:
                return char.IsAsciiLetterOrDigit(c) ? $"\\{c} is not known to each engine. Write the characters that it stands for" : null;
        }
    }

    [GeneratedRegex(@"\G\{([0-9]+)(?:,([0-9]*))?\}")]
    private static partial Regex Repetition();
}
