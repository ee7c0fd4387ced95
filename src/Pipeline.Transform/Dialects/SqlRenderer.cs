using System.Text;

namespace Pipeline.Transform.Dialects;

/// <summary>
/// Writes SQL anew for an engine: literals, names, types in casts, tables of the lake, and the functions of
/// <see cref="DialectTable"/>, which are expanded as text, since not every engine has macros. All else stays as it is.
/// </summary>
internal sealed class SqlRenderer(SqlDialect dialect)
{
    /// <summary>Words that may follow a table in place of an alias.</summary>
    private static readonly HashSet<string> Followers = new(StringComparer.OrdinalIgnoreCase)
    {
        "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "SEMI", "ANTI", "NATURAL", "ON", "USING", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET",
        "UNION", "EXCEPT", "INTERSECT", "QUALIFY", "WINDOW", "LATERAL", "TABLESAMPLE", "FETCH", "ASOF", "POSITIONAL",
    };

    private static readonly HashSet<string> Texts = new(StringComparer.OrdinalIgnoreCase) { "VARCHAR", "STRING", "TEXT", "CHAR", "BPCHAR" };

    private static readonly HashSet<string> Decimals = new(StringComparer.OrdinalIgnoreCase) { "DECIMAL", "NUMERIC", "DEC" };

    private int _depth;

    public string Render(string sql)
    {
        var output = new StringBuilder();
        Render(SqlToken.Split(sql), output, Scope.OfUsers);
        return output.ToString();
    }

    public string Call(string name, IReadOnlyList<string> arguments)
    {
        var function = DialectTable.Functions[name];
        if (arguments.Count != function.Parameters.Length) throw new ArgumentException($"{name} takes {string.Join(", ", function.Parameters)}.", nameof(arguments));
        return Expand(function, arguments);
    }

    private string Expand(SqlFunction function, IReadOnlyList<string> arguments)
    {
        if (dialect.FormOf(function) is not { } form) return $"{function.Name}({string.Join(", ", arguments)})";
        var tokens = SqlToken.Split(form);
        return Bind(function, tokens, [.. arguments], 0);
    }

    /// <summary>Puts the arguments in place. One that is an expression and occurs several times is computed once where the engine would not see to it.</summary>
    private string Bind(SqlFunction function, List<SqlToken> form, string[] arguments, int from)
    {
        for (var i = from; !dialect.RepeatsExpressions && i < arguments.Length; i++)
        {
            var parameter = function.Parameters[i];
            if (IsPlain(arguments[i]) || form.Count(token => token.IsWord(parameter)) < 2) continue;
            var rest = i + 1;
            _depth++;
            try
            {
                return dialect.Once(arguments[i], name =>
                {
                    arguments[i] = name;
                    return Bind(function, form, arguments, rest);
                }, _depth);
            }
            finally
            {
                _depth--;
            }
        }

        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < arguments.Length; i++) values[function.Parameters[i]] = arguments[i];
        var output = new StringBuilder();
        Render(form, output, new Scope(values));
        return output.ToString();
    }

    /// <summary>A name, an item of an array, or a literal.</summary>
    private static bool IsPlain(string expression) => SqlToken.Split(expression) is { Count: < 8 } tokens
        && tokens.TrueForAll(token => token.Kind is SqlTokenKind.Word or SqlTokenKind.QuotedName or SqlTokenKind.Text or SqlTokenKind.Number || token.Raw is "." or "`" or "[" or "]" or "-");

    /// <param name="scope">Whose words the tokens are.</param>
    private void Render(List<SqlToken> tokens, StringBuilder output, Scope scope)
    {
        var casts = new Stack<bool>();
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            switch (token.Kind)
            {
                case SqlTokenKind.Text:
                    output.Append(dialect.Text(token.Value));
                    break;
                case SqlTokenKind.QuotedName:
                    output.Append(dialect.Name(token.Value));
                    break;
                case SqlTokenKind.Space when token.IsComment:
                    output.Append(dialect.Comment(token.Raw));
                    break;
                case SqlTokenKind.Symbol:
                    if (token.Raw == "(") casts.Push(Before(tokens, i) is { } word && (word.IsWord("CAST") || word.IsWord("TRY_CAST")));
                    else if (token.Raw == ")" && casts.Count > 0) casts.Pop();
                    output.Append(token.Raw == "//" ? dialect.IntegerDivision : token.Raw);
                    break;
                case SqlTokenKind.Word:
                    i = Word(tokens, i, output, scope, casts.Count > 0 && casts.Peek());
                    break;
                default:
                    output.Append(token.Raw);
                    break;
            }
        }
    }

    /// <summary>Writes what begins with a word; returns the place of its last token.</summary>
    private int Word(List<SqlToken> tokens, int at, StringBuilder output, Scope scope, bool isInCast)
    {
        var token = tokens[at];
        var isMember = Before(tokens, at) is { } before && before.IsSymbol(".");
        var next = Next(tokens, at);
        var follows = next < tokens.Count ? tokens[next] : default;
        if (!isMember && scope.Values is not null && scope.Values.TryGetValue(token.Raw, out var value))
        {
            output.Append(value);
            return at;
        }

        if (isInCast && Before(tokens, at) is { } preceding && preceding.IsWord("AS")) return TypeAt(tokens, at, output);
        if (token.IsWord("TIMESTAMP") || token.IsWord("TIMESTAMPTZ"))
            // A literal: TIMESTAMP '…'.
            output.Append(follows.Kind == SqlTokenKind.Text ? dialect.TypeWord(token.Raw) : token.Raw);
        else if (!isMember && scope.IsUsers && (token.IsWord("silver") || token.IsWord("gold")) && follows.IsSymbol("."))
            return TableAt(tokens, at, next, output);
        else if (!isMember && follows.IsSymbol("(") && DialectTable.Functions.TryGetValue(token.Raw, out var function) && scope.Expands(function, dialect))
        {
            var (arguments, end) = Arguments(tokens, next, scope);
            if (arguments.Count == function.Parameters.Length)
            {
                output.Append(Expand(function, arguments));
                return end;
            }

            output.Append(token.Raw);
        }
        else
        {
            output.Append(token.Raw);
        }

        return at;
    }

    private int TypeAt(List<SqlToken> tokens, int at, StringBuilder output)
    {
        output.Append(dialect.TypeWord(tokens[at].Raw));
        var next = Next(tokens, at);
        var hasArguments = next < tokens.Count && tokens[next].IsSymbol("(");
        // DuckDB reads past the length of a text, which Spark has for none, and each has other digits for a decimal that names none.
        if (hasArguments && Texts.Contains(tokens[at].Raw)) return tokens.FindIndex(next, token => token.IsSymbol(")")) is var close and >= 0 ? close : at;
        if (!hasArguments && Decimals.Contains(tokens[at].Raw)) output.Append("(18,3)");
        // TIMESTAMP WITH TIME ZONE is the long form of what it becomes.
        var words = new[] { "WITH", "TIME", "ZONE" };
        var end = at;
        foreach (var word in words)
        {
            end = Next(tokens, end);
            if (end >= tokens.Count || !tokens[end].IsWord(word)) return at;
        }

        return end;
    }

    private int TableAt(List<SqlToken> tokens, int at, int dot, StringBuilder output)
    {
        var name = Next(tokens, dot);
        if (name >= tokens.Count)
        {
            output.Append(tokens[at].Raw);
            return at;
        }

        if (dialect.IsTwoPart)
        {
            output.Append(tokens[at].Raw);
            return at;
        }

        output.Append(dialect.TableName(tokens[at].Raw, tokens[name].Value));
        // Columns may be called by the table's own name, which is no longer the view's.
        var after = Next(tokens, name);
        var isNamed = after < tokens.Count && (tokens[after].IsSymbol(".") || tokens[after].IsWord("AS")
            || tokens[after].Kind == SqlTokenKind.QuotedName || tokens[after].Kind == SqlTokenKind.Word && !Followers.Contains(tokens[after].Raw));
        if (!isNamed) output.Append(" AS ").Append(dialect.Name(tokens[name].Value));
        return name;
    }

    /// <summary>The arguments of a call, rendered, and the place of the closing bracket.</summary>
    private (List<string> Arguments, int End) Arguments(List<SqlToken> tokens, int open, Scope scope)
    {
        var arguments = new List<string>();
        var (depth, start, end) = (0, open + 1, open);
        for (; end < tokens.Count; end++)
        {
            var token = tokens[end];
            if (token.Kind != SqlTokenKind.Symbol) continue;
            if (token.Raw is "(" or "[" or "{") depth++;
            else if (token.Raw is ")" or "]" or "}") depth--;
            if (depth == 0 || depth == 1 && token.Raw == ",")
            {
                Add(start, end);
                start = end + 1;
            }

            if (depth == 0) break;
        }

        return (arguments, end);

        void Add(int first, int last)
        {
            // Comments go: an argument may come to stand before others on its line.
            var own = tokens[first..last].Select(token => token.Kind == SqlTokenKind.Space ? new SqlToken(SqlTokenKind.Space, " ") : token).ToList();
            var output = new StringBuilder();
            Render(own, output, scope);
            var text = output.ToString().Trim();
            if (text.Length > 0 || arguments.Count > 0) arguments.Add(IsPlain(text) || IsOneCall(text) ? text : $"({text})");
        }
    }

    /// <summary>Whether an expression keeps its meaning wherever it is put.</summary>
    private static bool IsOneCall(string text)
    {
        var tokens = SqlToken.Split(text);
        if (tokens.Count < 3 || tokens[0].Kind != SqlTokenKind.Word || !tokens[1].IsSymbol("(")) return false;
        var depth = 0;
        for (var i = 1; i < tokens.Count; i++)
        {
            if (tokens[i].IsSymbol("(")) depth++;
            else if (tokens[i].IsSymbol(")") && --depth == 0) return i == tokens.Count - 1;
        }

        return false;
    }

    private static SqlToken? Before(List<SqlToken> tokens, int at)
    {
        for (var i = at - 1; i >= 0; i--)
            if (tokens[i].Kind != SqlTokenKind.Space) return tokens[i];
        return null;
    }

    private static int Next(List<SqlToken> tokens, int at)
    {
        for (at++; at < tokens.Count && tokens[at].Kind == SqlTokenKind.Space; at++)
        {
        }

        return at;
    }

    /// <summary>Where words come from: SQL of users, or a function's form, whose parameters have values.</summary>
    private readonly record struct Scope(IReadOnlyDictionary<string, string>? Values)
    {
        public static Scope OfUsers => default;

        public bool IsUsers => Values is null;

        /// <summary>A form is in its engine's words: a name that the engine has too means the engine's.</summary>
        public bool Expands(SqlFunction function, SqlDialect dialect) => IsUsers || function.IsOurs && dialect.FormOf(function) is not null;
    }
}
