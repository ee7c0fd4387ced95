using System.Text.RegularExpressions;

namespace Pipeline.Transform.Tests.Dialects;

/// <summary>A statement as Spark's lexer splits it, for what a grammar does not tell.</summary>
internal sealed partial class SparkText
{
    /// <summary>What Spark 3.4 has, and words before a bracket that are no functions.</summary>
    private static readonly HashSet<string> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        "AND", "AS", "BY", "CASE", "CAST", "DECIMAL", "DISTINCT", "ELSE", "EXCEPT", "EXISTS", "FILTER", "FROM", "IN", "IS", "JOIN", "NOT", "ON", "OR", "OVER", "SELECT", "THEN", "TRY_CAST", "UNION", "USING", "VALUES", "WHEN", "WHERE", "ALL",
        "abs", "aes_decrypt", "aes_encrypt", "array", "base64", "decode", "encode", "split_part", "unbase64", "ceil", "chr", "coalesce", "concat", "concat_ws", "contains", "count", "date_add", "date_trunc", "datediff", "dayofweek", "double", "element_at", "exists", "explode", "extract", "float", "floor", "from_json",
        "get_json_object", "greatest", "hex", "if", "json_array_length", "last_day", "least", "left", "length", "lower", "map", "max", "md5", "min", "named_struct", "nullif", "octet_length", "rank", "regexp_like", "regexp_replace", "replace", "right",
        "round", "row_number", "sha2", "split", "startswith", "substr", "sum", "timestamp_micros", "to_json", "transform", "translate", "trim", "try_element_at", "unhex", "unix_micros", "upper", "year",
    };

    private static readonly HashSet<string> SetOperators = new(StringComparer.OrdinalIgnoreCase) { "UNION", "EXCEPT", "INTERSECT" };

    private readonly List<string> _tokens;

    public SparkText(string sql) => _tokens = [.. Token().Matches(sql).Select(match => match.Value).Where(token => !string.IsNullOrWhiteSpace(token) && !token.StartsWith("--", StringComparison.Ordinal))];

    /// <summary>What Spark does not know, or takes for something else in silence.</summary>
    public IEnumerable<string> Foreign()
    {
        for (var i = 0; i < _tokens.Count; i++)
        {
            var (token, next) = (_tokens[i], i + 1 < _tokens.Count ? _tokens[i + 1] : "");
            if (token == "\"") yield return "a name in double quotes";
            if (token is "::" or "//" or "$$") yield return token;
            if (token[0] == '\'' && next.StartsWith('\'')) yield return $"{token}{next}, which is two texts";
            if (token.ToUpperInvariant() is "VARCHAR" or "TIMESTAMPTZ" or "BLOB" or "HUGEINT" or "LAMBDA" or "EXCLUDE" or "QUALIFY" or "RECURSIVE" or "POSITIONAL") yield return token;
            if (next == "(" && IsWord(token) && !Known.Contains(token) && !(i > 0 && _tokens[i - 1] is "AS" or "as") && !CtesAndAliases.Contains(token)) yield return $"{token}()";
            if (next == "." && token is "silver" or "gold") yield return $"{token}.{_tokens[i + 2]}";
        }
    }

    /// <summary>The relations that it names, but for those that it makes itself.</summary>
    public IEnumerable<string> Relations()
    {
        for (var i = 1; i < _tokens.Count; i++)
        {
            if (!(_tokens[i - 1].ToUpperInvariant() is "FROM" or "JOIN") || !IsWord(_tokens[i].Trim('`'))) continue;
            // EXTRACT(YEAR FROM d), IS DISTINCT FROM x.
            if (i > 1 && (_tokens[i - 2].Equals("DISTINCT", StringComparison.OrdinalIgnoreCase) || i > 2 && _tokens[i - 3] == "(" && IsWord(_tokens[i - 2]) && !_tokens[i - 2].Equals("SELECT", StringComparison.OrdinalIgnoreCase))) continue;
            if (!CtesAndAliases.Contains(_tokens[i])) yield return _tokens[i].Trim('`');
        }
    }

    /// <summary>Operands of UNION and EXCEPT that take columns by the place that <c>*</c> gives them: after a semi join the key comes first.</summary>
    public IEnumerable<string> StarsByPlace() => Levels(_tokens).Where(level => level.Any(SetOperators.Contains))
        .SelectMany(level => level.Select((token, i) => (token, before: i > 0 ? level[i - 1] : "")))
        .Where(pair => pair.token == "*" && (pair.before is "." or "," || pair.before.Equals("SELECT", StringComparison.OrdinalIgnoreCase) || pair.before.Equals("DISTINCT", StringComparison.OrdinalIgnoreCase)))
        .Select(pair => $"{pair.before}*");

    /// <summary>Orders that do not say where nulls stand.</summary>
    public IEnumerable<string> OrdersOfNulls()
    {
        foreach (var level in Levels(_tokens))
        {
            for (var i = 1; i < level.Count; i++)
            {
                if (!level[i].Equals("BY", StringComparison.OrdinalIgnoreCase) || !level[i - 1].Equals("ORDER", StringComparison.OrdinalIgnoreCase)) continue;
                var end = level.FindIndex(i, token => token.ToUpperInvariant() is "LIMIT" or "ROWS" or "RANGE");
                var items = string.Join(' ', level[(i + 1)..(end < 0 ? level.Count : end)]).Split(" , ");
                foreach (var item in items.Where(item => !item.EndsWith("NULLS FIRST", StringComparison.OrdinalIgnoreCase) && !item.EndsWith("NULLS LAST", StringComparison.OrdinalIgnoreCase))) yield return item;
            }
        }
    }

    /// <summary>Names before <c>AS (</c>.</summary>
    private HashSet<string> CtesAndAliases => [.. _tokens.Where((_, i) => i + 2 < _tokens.Count && _tokens[i + 1].Equals("AS", StringComparison.OrdinalIgnoreCase) && _tokens[i + 2] == "(")];

    /// <summary>What stands at the top, and within each pair of brackets, without what is in brackets there.</summary>
    private static List<List<string>> Levels(IEnumerable<string> tokens)
    {
        var (all, open) = (new List<List<string>> { new() }, new Stack<List<string>>());
        open.Push(all[0]);
        foreach (var token in tokens)
        {
            if (token == "(")
            {
                open.Peek().Add("()");
                open.Push([]);
                all.Add(open.Peek());
            }
            else if (token == ")")
            {
                open.Pop();
            }
            else
            {
                open.Peek().Add(token);
            }
        }

        return all;
    }

    private static bool IsWord(string token) => token.Length > 0 && (char.IsAsciiLetter(token[0]) || token[0] == '_');

    [GeneratedRegex(@"`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|--[^\n]*|[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9.eE]*|::|//|\$\$|->|\|\||<>|\s+|.", RegexOptions.Singleline)]
    private static partial Regex Token();
}
