using System.Collections.Concurrent;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// The schemas of one language in a registry, read and ready for use. A schema never changes, so each is asked for once;
/// that there is none is believed for a minute. For reading threads: calls block.
/// </summary>
/// <param name="type">The language, as the registry calls it; also the table's format in small letters.</param>
/// <param name="parse">Makes something usable of a schema's text, which comes after those that it refers to.</param>
internal sealed class RegisteredSchemas<TSchema>(SchemaRegistry registry, string type, Func<IReadOnlyList<SchemaText>, TSchema> parse, TimeProvider time)
    where TSchema : class
{
    private const int DepthMax = 16;
    private static readonly TimeSpan AbsenceBelieved = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<int, TSchema> _schemas = [];
    private readonly ConcurrentDictionary<string, RegisteredSchema> _referred = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<int, (long At, string Reason)> _absent = [];

    /// <summary>The schema, or null and why it cannot be used.</summary>
    /// <exception cref="PipelineException">The registry does not answer or refuses us.</exception>
    public TSchema? Find(int id, out string reason, CancellationToken cancellationToken)
    {
        reason = "";
        if (_schemas.TryGetValue(id, out var known)) return known;
        if (_absent.TryGetValue(id, out var absent) && time.GetElapsedTime(absent.At) < AbsenceBelieved)
        {
            reason = absent.Reason;
            return null;
        }

        try
        {
            return _schemas[id] = Read($"schemas/ids/{id}", cancellationToken);
        }
        catch (FormatException e)
        {
            reason = $"schema {id}: {e.Message.TrimEnd('.')}";
            _absent[id] = (time.GetTimestamp(), reason);
            return null;
        }
    }

    /// <summary>A version of a subject; null when it is of no use here.</summary>
    /// <exception cref="PipelineException">The registry does not answer or refuses us.</exception>
    public TSchema? TryRead(string subject, int version, CancellationToken cancellationToken)
    {
        try
        {
            return Read($"{SchemaRegistry.PathOf(subject)}/versions/{version}", cancellationToken);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private TSchema Read(string path, CancellationToken cancellationToken)
    {
        var texts = new List<SchemaText>();
        Gather("", Require(registry.Get(path, cancellationToken)), texts, depth: 0, cancellationToken);
        return parse(texts);
    }

    /// <summary>Adds a schema after those it refers to, each once.</summary>
    /// <exception cref="FormatException">One of them does not exist or is of no use here.</exception>
    private void Gather(string name, RegisteredSchema schema, List<SchemaText> texts, int depth, CancellationToken cancellationToken)
    {
        if (depth > DepthMax) throw new FormatException("references go round in a circle");
        if (schema.Type != type) throw new FormatException($"its language is {schema.Type}, and the table's format is {type.ToLowerInvariant()}");
        foreach (var reference in schema.References)
        {
            if (texts.Any(text => text.Name == reference.Name)) continue;
            if (!_referred.TryGetValue(reference.Path, out var referred))
                _referred[reference.Path] = referred = Require(registry.Get(reference.Path, cancellationToken));
            Gather(reference.Name, referred, texts, depth + 1, cancellationToken);
        }

        texts.Add(new SchemaText(name, schema.Text));
    }

    private static RegisteredSchema Require(RegisteredSchema? schema) => schema ?? throw new FormatException("the registry does not have it");
}

/// <param name="Name">What others call it: a type in Avro, the path of an import in Protobuf; empty for the schema asked for.</param>
internal sealed record SchemaText(string Name, string Text);
