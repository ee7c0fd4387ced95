using System.Collections.Immutable;

namespace Pipeline.Transform.Dialects;

/// <summary>
/// A function that configured and generated SQL may call on every engine, with what each engine writes for it.
/// </summary>
/// <param name="Parameters">Their names, as the forms write them.</param>
/// <param name="DuckDb">The expression in DuckDB's words, with the standard's literals; null: DuckDB has the function itself.</param>
/// <param name="Spark">The same for Spark 3.4 and later, whose literals the renderer writes.</param>
/// <param name="Rows">Arguments and the value that every engine gives for them.</param>
public sealed record SqlFunction(string Name, ImmutableArray<string> Parameters, string? DuckDb, string? Spark, ImmutableArray<SqlExample> Rows)
{
    /// <summary>No engine has a function of this name, so that forms of others may call it.</summary>
    public bool IsOurs { get; init; } = true;

    /// <summary>How the rows call it; null: with the columns <c>t</c>, <c>u</c>, <c>v</c> in order. For functions whose arguments are no texts.</summary>
    public string? Example { get; init; }

    /// <summary>What the rows evaluate, as users write it.</summary>
    public string Call => Example ?? $"{Name}({string.Join(", ", ((string[])["t", "u", "v"])[..Parameters.Length])})";
}

/// <summary>One call and its value, both as text; null is null.</summary>
/// <param name="Arguments">The columns <c>t</c>, <c>u</c>, <c>v</c>.</param>
public sealed record SqlExample(ImmutableArray<string?> Arguments, string? Value);

/// <summary>Something of the language that engines write differently, by an expression over <c>t</c>, <c>u</c>, <c>v</c> as users write it.</summary>
public sealed record SqlConstruct(string Name, string Expression, ImmutableArray<SqlExample> Rows);
