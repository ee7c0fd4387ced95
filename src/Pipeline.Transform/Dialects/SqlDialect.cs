using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;

namespace Pipeline.Transform.Dialects;

/// <summary>
/// How one engine writes names, literals, types, tables and the functions of <see cref="DialectTable"/>. Expressions that are
/// given to it are in the engine's own words already, but for <see cref="Render"/>, which takes SQL as users write it.
/// </summary>
public abstract class SqlDialect
{
    public static SqlDialect DuckDb { get; } = new DuckDbDialect();

    /// <summary>Spark 3.4 and later with the session settings of the job: ANSI, UTC, names as they are written.</summary>
    public static SqlDialect Spark { get; } = new SparkDialect();

    /// <summary>The engine's name, as documents have it.</summary>
    public abstract string Engine { get; }

    /// <summary>A quoted name.</summary>
    public abstract string Name(string name);

    /// <summary>A text literal.</summary>
    public abstract string Text(string value);

    /// <summary>The engine's type for one of the lake.</summary>
    /// <exception cref="NotSupportedException">The type cannot be in a table of the lake.</exception>
    public abstract string Type(IArrowType type);

    /// <summary>The relation that holds a Silver or Gold table, as a document names it.</summary>
    public abstract string Relation(TableId table);

    /// <summary>The same as SQL names it.</summary>
    public abstract string Table(TableId table);

    /// <summary>An array of expressions.</summary>
    public abstract string List(IEnumerable<string> items);

    /// <summary>An item of an array, counted from 1.</summary>
    public abstract string Item(string array, int index);

    /// <summary>Each item of an array through an expression.</summary>
    /// <param name="item">The name of an item in <paramref name="body"/>.</param>
    public abstract string Each(string array, string item, string body);

    /// <summary>Whether a condition holds for an item of an array.</summary>
    public abstract string Any(string array, string item, string condition);

    /// <summary>A value as text, the same on every engine but for doubles. Null stays null.</summary>
    public abstract string ToText(string expression, IArrowType type);

    /// <summary>
    /// What of a JSON document has to be computed before, in a column of its own, for <see cref="JsonTexts"/>; null: nothing.
    /// </summary>
    public abstract string? JsonPrepared(string document);

    /// <summary>
    /// An array of the texts at some paths of a JSON object: numbers as they are written, objects and arrays as JSON. Null when the
    /// document is no JSON object by RFC 8259.
    /// </summary>
    /// <param name="prepared">The column of <see cref="JsonPrepared"/>.</param>
    /// <param name="paths">To one value each.</param>
    public abstract string JsonTexts(string document, string? prepared, IEnumerable<JsonPath> paths);

    /// <summary>A path as a literal of the engine.</summary>
    public abstract string PathText(JsonPath path);

    /// <summary>A JSON object of texts, whose nulls are kept, as text.</summary>
    public abstract string JsonObject(IEnumerable<(string Name, string Text)> members);

    /// <summary>An array of members of a JSON object of texts.</summary>
    public abstract string JsonMembers(string json, IReadOnlyCollection<string> names);

    public string Names(IEnumerable<string> names) => string.Join(", ", names.Select(Name));

    public string Cast(string expression, IArrowType type) => $"CAST({expression} AS {Type(type)})";

    /// <summary>Null for what has no value of the type. Values that are no integer, or doubles, go through the functions of the table first.</summary>
    public string TryCast(string expression, IArrowType type) => $"TRY_CAST({expression} AS {Type(type)})";

    /// <summary>A moment, to the microsecond.</summary>
    public string Moment(DateTimeOffset at) =>
        $"{Type(BronzeColumns.Timestamp)} {Text(at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture) + "+00")}";

    /// <summary>A null of a type.</summary>
    public string Null(IArrowType type) => Cast("NULL", type);

    /// <summary>An empty relation of the given columns.</summary>
    public string Empty(IEnumerable<Field> columns) =>
        $"SELECT {string.Join(", ", columns.Select(column => $"{Null(column.DataType)} AS {Name(column.Name)}"))} WHERE false";

    /// <summary>A call of a function of <see cref="DialectTable"/>.</summary>
    /// <param name="arguments">In the engine's words.</param>
    public string Call(string function, params string[] arguments) => new SqlRenderer(this).Call(function, arguments);

    /// <summary>SQL as users write it, a query or an expression, in the engine's words.</summary>
    public string Render(string sql) => new SqlRenderer(this).Render(sql);

    /// <summary>A replacement of <c>regexp_replace</c>, in which groups are <c>\1</c>.</summary>
    internal virtual string Replacement(string replacement) => replacement;

    /// <summary>The engine's form of a function; null: it has the function itself.</summary>
    internal abstract string? FormOf(SqlFunction function);

    internal virtual string IntegerDivision => "//";

    /// <summary>A comment as users write it.</summary>
    internal virtual string Comment(string comment) => comment;

    /// <summary>The engine's word for a type as users write it.</summary>
    internal abstract string TypeWord(string word);

    private protected static string LayerOf(TableId table) => table.Layer == Layer.Silver ? "silver" : "gold";

    /// <summary>A table that users name <c>silver.NAME</c>, where a view has one name.</summary>
    /// <param name="name">Without quotes.</param>
    internal abstract string TableName(string schema, string name);

    /// <summary>Whether a table is known as users name it, by its layer and its name.</summary>
    internal abstract bool IsTwoPart { get; }

    /// <summary>Whether a function's form may repeat any argument, or only names.</summary>
    internal abstract bool RepeatsExpressions { get; }

    /// <summary>An expression of a value that is computed once.</summary>
    internal abstract string Once(string expression, Func<string, string> body, int depth);
}
