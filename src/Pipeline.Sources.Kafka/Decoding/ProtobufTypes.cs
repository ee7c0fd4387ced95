namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>The messages and enums declared so far, by their full names.</summary>
internal sealed class ProtobufTypes
{
    private static readonly Dictionary<string, ProtobufKind> Scalars = Enum.GetValues<ProtobufKind>()
        .Where(kind => kind is not (ProtobufKind.Enum or ProtobufKind.Message))
        .ToDictionary(kind => kind.ToString().ToLowerInvariant(), StringComparer.Ordinal);

    private readonly Dictionary<string, ProtobufMessage> _messages = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProtobufEnum> _enums = new(StringComparer.Ordinal);

    public void Add(ProtobufMessage message) => _messages[message.Name] = message;

    public void Add(ProtobufEnum values) => _enums[values.Name] = values;

    /// <summary>What a map's key can be; null for other types.</summary>
    public static ProtobufKind? KeyKind(string type) =>
        Scalars.TryGetValue(type, out var kind) && kind is not (ProtobufKind.Double or ProtobufKind.Float or ProtobufKind.Bytes) ? kind : null;

    /// <summary>The field with its type, which is looked for from the innermost scope outwards.</summary>
    /// <param name="scope">The full name of the message that has the field.</param>
    /// <exception cref="FormatException">There is no such type.</exception>
    public ProtobufField Resolve(ProtobufField field, string scope, string type)
    {
        if (Scalars.TryGetValue(type, out var scalar)) return field with { Kind = scalar };
        if (type[0] == '.')
        {
            scope = "";
            type = type[1..];
        }

        for (; ; scope = scope[..Math.Max(0, scope.LastIndexOf('.'))])
        {
            var name = Join(scope, type);
            if (_messages.TryGetValue(name, out var message)) return field with { Kind = ProtobufKind.Message, Message = message };
            if (_enums.TryGetValue(name, out var values)) return field with { Kind = ProtobufKind.Enum, Enum = values };
            if (scope.Length == 0) throw new FormatException($"the schema and its references do not say what {type} is, the type of {field.Name}");
        }
    }

    /// <summary>The full name of what is declared in a package or message.</summary>
    public static string Join(string scope, string name) => scope.Length == 0 ? name : $"{scope}.{name}";
}
