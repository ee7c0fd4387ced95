namespace Pipeline.Transform.Dialects;

internal enum SqlTokenKind
{
    /// <summary>White space and comments.</summary>
    Space,

    /// <summary>A name or a word of the language, as it is written without quotes.</summary>
    Word,

    /// <summary><c>"name"</c>.</summary>
    QuotedName,

    /// <summary><c>'text'</c>.</summary>
    Text,

    Number,

    /// <summary>An operator or a bracket, one character each but for <c>::</c>, <c>//</c>, <c>-></c> and <c>||</c>.</summary>
    Symbol,
}

/// <summary>A piece of SQL as users write it: the standard's literals and names, whatever engine it is for.</summary>
/// <param name="Raw">As it stands in the text.</param>
internal readonly record struct SqlToken(SqlTokenKind Kind, string Raw)
{
    /// <summary>What a name or a text literal says.</summary>
    public string Value => Kind switch
    {
        SqlTokenKind.Text => Raw[1..^1].Replace("''", "'", StringComparison.Ordinal),
        SqlTokenKind.QuotedName => Raw[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal),
        _ => Raw,
    };

    public bool IsComment => Kind == SqlTokenKind.Space && Raw[0] is '-' or '/';

    public bool IsWord(string word) => Kind == SqlTokenKind.Word && Raw.Equals(word, StringComparison.OrdinalIgnoreCase);

    public bool IsSymbol(string symbol) => Kind == SqlTokenKind.Symbol && Raw == symbol;

    /// <summary>Splits a text; what it cannot end (an open quote) reaches to the end. The pieces together are the text.</summary>
    public static List<SqlToken> Split(string sql)
    {
        var tokens = new List<SqlToken>();
        for (var at = 0; at < sql.Length;)
        {
            var (kind, length) = Next(sql, at);
            tokens.Add(new SqlToken(kind, sql.Substring(at, length)));
            at += length;
        }

        return tokens;
    }

    private static (SqlTokenKind Kind, int Length) Next(string sql, int at)
    {
        var c = sql[at];
        if (char.IsWhiteSpace(c)) return (SqlTokenKind.Space, While(sql, at, char.IsWhiteSpace));
        if (c == '\'') return (SqlTokenKind.Text, Quoted(sql, at));
        if (c == '"') return (SqlTokenKind.QuotedName, Quoted(sql, at));
        if (Starts(sql, at, "--")) return (SqlTokenKind.Space, sql.IndexOf('\n', at) is var line and >= 0 ? line - at : sql.Length - at);
        if (Starts(sql, at, "/*")) return (SqlTokenKind.Space, Comment(sql, at));
        if (char.IsAsciiDigit(c) || c == '.' && at + 1 < sql.Length && char.IsAsciiDigit(sql[at + 1])) return (SqlTokenKind.Number, Number(sql, at));
        if (char.IsLetter(c) || c == '_' || c >= 0x80) return (SqlTokenKind.Word, While(sql, at, ch => char.IsLetterOrDigit(ch) || ch is '_' or '$' || ch >= 0x80));
        foreach (var symbol in (string[])["::", "//", "->", "||", "$$"])
            if (Starts(sql, at, symbol)) return (SqlTokenKind.Symbol, symbol.Length);
        return (SqlTokenKind.Symbol, 1);
    }

    private static bool Starts(string sql, int at, string with) => string.CompareOrdinal(sql, at, with, 0, with.Length) == 0;

    private static int While(string sql, int at, Func<char, bool> holds)
    {
        var end = at;
        while (end < sql.Length && holds(sql[end])) end++;
        return end - at;
    }

    private static int Quoted(string sql, int at)
    {
        var quote = sql[at];
        for (var end = at + 1; end < sql.Length; end++)
        {
            if (sql[end] != quote) continue;
            if (end + 1 == sql.Length || sql[end + 1] != quote) return end + 1 - at;
            end++;
        }

        return sql.Length - at;
    }

    /// <summary>Comments nest, as both engines read them.</summary>
    private static int Comment(string sql, int at)
    {
        var depth = 0;
        for (var end = at; end + 1 < sql.Length; end++)
        {
            if (Starts(sql, end, "/*")) (depth, end) = (depth + 1, end + 1);
            else if (Starts(sql, end, "*/") && --depth == 0) return end + 2 - at;
            else if (Starts(sql, end, "*/")) end++;
        }

        return sql.Length - at;
    }

    private static int Number(string sql, int at)
    {
        var end = at + While(sql, at, ch => char.IsAsciiDigit(ch) || ch is '.' or '_');
        if (end < sql.Length && sql[end] is 'e' or 'E')
        {
            var digits = end + 1 < sql.Length && sql[end + 1] is '+' or '-' ? end + 2 : end + 1;
            if (digits < sql.Length && char.IsAsciiDigit(sql[digits])) end = digits + While(sql, digits, char.IsAsciiDigit);
        }

        return end - at;
    }
}
