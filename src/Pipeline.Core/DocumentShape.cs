using System.Collections.Frozen;

namespace Pipeline.Core;

/// <summary>
/// What a JSON document may hold, as far as a schema says. What is in it is looked at when it is asked for, since a document may contain
/// others of its own shape. Thread-safe.
/// </summary>
public sealed class DocumentShape
{
    private readonly Lazy<IReadOnlyDictionary<string, DocumentShape>> _members;
    private readonly Lazy<DocumentShape?> _others;
    private readonly Lazy<DocumentShape?> _items;

    private DocumentShape(DocumentKinds kinds, Func<IReadOnlyDictionary<string, DocumentShape>>? members = null, Func<DocumentShape?>? others = null, Func<DocumentShape?>? items = null)
    {
        Kinds = kinds;
        _members = new Lazy<IReadOnlyDictionary<string, DocumentShape>>(members ?? (() => FrozenDictionary<string, DocumentShape>.Empty));
        _others = new Lazy<DocumentShape?>(others ?? (() => null));
        _items = new Lazy<DocumentShape?>(items ?? (() => null));
    }

    /// <summary>Nothing is known of it.</summary>
    public static DocumentShape Any { get; } = new(DocumentKinds.Any, others: () => Any, items: () => Any);

    public DocumentKinds Kinds { get; }

    /// <summary>The most digits that a number has behind its point; null: not known.</summary>
    public int? Scale { get; private init; }

    /// <summary>The members of an object that have a name in the schema.</summary>
    public IReadOnlyDictionary<string, DocumentShape> Members => _members.Value;

    /// <summary>What every other member of an object is; null: there are no others.</summary>
    public DocumentShape? Others => _others.Value;

    /// <summary>What the items of a list are; null: it is no list.</summary>
    public DocumentShape? Items => _items.Value;

    /// <summary>One that has nothing in it.</summary>
    public static DocumentShape Of(DocumentKinds kinds, int? scale = null) => new(kinds) { Scale = scale };

    /// <param name="others">Null: it has no members but these.</param>
    public static DocumentShape Object(Func<IReadOnlyDictionary<string, DocumentShape>> members, Func<DocumentShape?>? others = null) => new(DocumentKinds.Object, members, others);

    public static DocumentShape List(Func<DocumentShape> items) => new(DocumentKinds.List, items: items);

    /// <summary>Any of these; of none, always null.</summary>
    public static DocumentShape Either(IReadOnlyList<DocumentShape> shapes) => shapes is [var only] ? only : new DocumentShape(
        shapes.Aggregate(DocumentKinds.None, (kinds, shape) => kinds | shape.Kinds),
        () => shapes.SelectMany(shape => shape.Members).GroupBy(member => member.Key, StringComparer.Ordinal).ToFrozenDictionary(member => member.Key, member => Either([.. member.Select(one => one.Value)]), StringComparer.Ordinal),
        () => EitherOrNull(shapes.Select(shape => shape.Others)),
        () => EitherOrNull(shapes.Select(shape => shape.Items)))
    {
        // Of numbers of which one has any digits nothing is known.
        Scale = shapes.All(shape => (shape.Kinds & (DocumentKinds.Number | DocumentKinds.Text)) == DocumentKinds.None || shape.Scale is not null) ? shapes.Max(shape => shape.Scale) : null,
    };

    private static DocumentShape? EitherOrNull(IEnumerable<DocumentShape?> shapes) => shapes.OfType<DocumentShape>().ToList() is { Count: > 0 } there ? Either(there) : null;
}

/// <summary>The documents that a column of a source's table has had by one schema.</summary>
/// <param name="Schema">What people call it, e.g. a subject and its version.</param>
public sealed record SourceDocument(string Column, string Schema, DocumentShape Shape);
