using System.Collections.Frozen;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>
/// Reads .proto texts (proto2 and proto3): what describes values. Options, services, extensions and reserved numbers are
/// skipped; groups and editions are refused. Texts that import each other are read one after the other by one parser.
/// </summary>
internal sealed class ProtobufSchemaParser
{
    private const int DepthMax = 32;

    private readonly HashSet<string> _files = new(StringComparer.Ordinal);
    private readonly ProtobufTypes _types = new();

    // Types may be used before they are declared: fields are made when the whole text has been read.
    private readonly List<Action> _resolutions = [];
    private ProtobufTokens _tokens = new("");
    private bool _isProto3;
    private bool _isWellKnown;

    /// <summary>What the last text declares; it may import those before it by name.</summary>
    /// <exception cref="FormatException">A text is no schema, or uses what is not supported.</exception>
    public static ProtobufFile Parse(IReadOnlyList<SchemaText> texts)
    {
        var parser = new ProtobufSchemaParser();
        try
        {
            return texts.Select(text => parser.Parse(text.Name, ProtobufWellKnownFiles.Find(text.Name) ?? text.Text)).ToList()[^1];
        }
        catch (Exception e) when (e is not FormatException && DataFaults.Are(e))
        {
            throw new FormatException($"line {parser._tokens.Line}: {DataFaults.Cause(e)}", e);
        }
    }

    private ProtobufFile Parse(string name, string text)
    {
        var (tokens, isProto3, isWellKnown) = (_tokens, _isProto3, _isWellKnown);
        _files.Add(name);
        _tokens = new ProtobufTokens(text);
        _isProto3 = false;
        _isWellKnown = ProtobufWellKnownFiles.Find(name) is not null;
        var scope = "";
        var messages = new List<ProtobufMessage>();
        while (_tokens.Current.Length > 0)
        {
            switch (_tokens.Take())
            {
                case "syntax":
                    ReadSyntax();
                    break;
                case "edition":
                    throw _tokens.Fault("editions are not supported. Write syntax = \"proto3\" or \"proto2\"");
                case "package":
                    scope = _tokens.TakeName();
                    _tokens.Expect(";");
                    break;
                case "import":
                    ReadImport();
                    break;
                case "message":
                    messages.Add(ReadMessage(scope, depth: 0));
                    break;
                case "enum":
                    ReadEnum(scope);
                    break;
                case "option":
                    _tokens.SkipTo(";");
                    break;
                case "service" or "extend":
                    SkipBlock();
                    break;
                case ";":
                    break;
                case var other:
                    throw _tokens.Fault($"'{other}' begins nothing that a schema can have");
            }
        }

        foreach (var resolve in _resolutions) resolve();
        _resolutions.Clear();
        (_tokens, _isProto3, _isWellKnown) = (tokens, isProto3, isWellKnown);
        return new ProtobufFile(messages);
    }

    private void ReadSyntax()
    {
        _tokens.Expect("=");
        var syntax = _tokens.TakeText();
        _isProto3 = syntax switch { "proto3" => true, "proto2" => false, _ => throw _tokens.Fault($"the syntax {syntax} is not supported") };
        _tokens.Expect(";");
    }

    private void ReadImport()
    {
        if (!_tokens.IsText) _tokens.Take();
        var path = _tokens.TakeText();
        _tokens.Expect(";");
        if (_files.Contains(path) || ProtobufWellKnownFiles.Find(path) is not { } text) return;

        // What this text has declared so far waits with the rest of it.
        Action[] waiting = [.. _resolutions];
        _resolutions.Clear();
        Parse(path, text);
        _resolutions.AddRange(waiting);
    }

    private ProtobufMessage ReadMessage(string scope, int depth)
    {
        if (depth > DepthMax) throw _tokens.Fault($"messages are nested more than {DepthMax} deep");
        var name = ProtobufTypes.Join(scope, _tokens.TakeName());
        var message = new ProtobufMessage(name) { WellKnown = _isWellKnown ? ProtobufWellKnownFiles.KindOf(name) : ProtobufWellKnown.None };
        _types.Add(message);
        var fields = new List<Func<ProtobufField>>();
        _tokens.Expect("{");
        while (!_tokens.TryTake("}"))
        {
            switch (_tokens.Take())
            {
                case "message":
                    message.Nested.Add(ReadMessage(name, depth + 1));
                    break;
                case "enum":
                    ReadEnum(name);
                    break;
                case "oneof":
                    ReadOneof(message, fields);
                    break;
                case "option" or "extensions" or "reserved":
                    _tokens.SkipTo(";");
                    break;
                case "extend":
                    SkipBlock();
                    break;
                case ";":
                    break;
                case "optional":
                    fields.Add(ReadField(message, _tokens.TakeName(), new Label(HasPresence: true)));
                    break;
                case "required":
                    fields.Add(ReadField(message, _tokens.TakeName(), new Label(HasPresence: true, IsRequired: true)));
                    break;
                case "repeated":
                    fields.Add(ReadField(message, _tokens.TakeName(), new Label(IsRepeated: true)));
                    break;
                case "map" when _tokens.Current == "<":
                    fields.Add(ReadMap(message));
                    break;
                case var type:
                    fields.Add(ReadField(message, type, new Label(HasPresence: !_isProto3)));
                    break;
            }
        }

        _resolutions.Add(() => message.Fields = Ordered(message, fields));
        return message;
    }

    private void ReadOneof(ProtobufMessage message, List<Func<ProtobufField>> fields)
    {
        var oneof = message.Oneofs++;
        _tokens.TakeName();
        _tokens.Expect("{");
        while (!_tokens.TryTake("}"))
        {
            if (_tokens.TryTake(";")) continue;
            if (_tokens.TryTake("option")) _tokens.SkipTo(";");
            else fields.Add(ReadField(message, _tokens.TakeName(), new Label(HasPresence: true, Oneof: oneof)));
        }
    }

    private Func<ProtobufField> ReadField(ProtobufMessage message, string type, Label label)
    {
        if (type == "group") throw _tokens.Fault($"group {_tokens.Current} of {message.Name} is not supported. Use a message");
        var field = ReadRest() with { IsRepeated = label.IsRepeated, IsRequired = label.IsRequired, Oneof = label.Oneof };
        return () => _types.Resolve(field, message.Name, type) is var typed && typed.Kind == ProtobufKind.Message && !label.IsRepeated
            ? typed with { HasPresence = true }
            : typed with { HasPresence = label.HasPresence };
    }

    private Func<ProtobufField> ReadMap(ProtobufMessage message)
    {
        _tokens.Expect("<");
        var key = _tokens.TakeName();
        if (ProtobufTypes.KeyKind(key) is not { } keyKind) throw _tokens.Fault($"{key} cannot be the key of a map");
        _tokens.Expect(",");
        var value = _tokens.TakeName();
        _tokens.Expect(">");
        var field = ReadRest();
        return () =>
        {
            var entry = new ProtobufMessage($"{message.Name}.{field.Name}");
            entry.Fields = [Named("key", 1) with { Kind = keyKind }, _types.Resolve(Named("value", 2), message.Name, value)];
            return field with { Kind = ProtobufKind.Message, Message = entry, IsRepeated = true, IsMap = true };
        };
    }

    /// <summary>Name, number and options.</summary>
    private ProtobufField ReadRest()
    {
        var name = _tokens.TakeName();
        _tokens.Expect("=");
        var number = _tokens.TakeNumber();
        if (number <= 0) throw _tokens.Fault($"the field {name} has the number {number}");
        string? jsonName = null;
        if (_tokens.TryTake("["))
        {
            if (_tokens.TryTake("json_name")) jsonName = ReadJsonName();
            for (var open = 1; open > 0;)
            {
                var token = _tokens.Take();
                open += token switch { "{" or "[" or "(" => 1, "}" or "]" or ")" => -1, _ => 0 };
                if (open == 1 && token == "," && _tokens.TryTake("json_name")) jsonName = ReadJsonName();
            }
        }

        _tokens.Expect(";");
        return Named(name, number, jsonName);
    }

    private string ReadJsonName()
    {
        _tokens.Expect("=");
        return _tokens.TakeText();
    }

    private void ReadEnum(string scope)
    {
        var type = new ProtobufEnum(ProtobufTypes.Join(scope, _tokens.TakeName()));
        var names = new Dictionary<int, JsonEncodedText>();
        _tokens.Expect("{");
        while (!_tokens.TryTake("}"))
        {
            if (_tokens.TryTake(";")) continue;
            var name = _tokens.TakeName();
            if (name is "option" or "reserved" && _tokens.Current != "=")
            {
                _tokens.SkipTo(";");
                continue;
            }

            _tokens.Expect("=");
            names.TryAdd(_tokens.TakeNumber(), Encode(name));
            _tokens.SkipTo(";");
        }

        type.Names = names.ToFrozenDictionary();
        _types.Add(type);
    }

    private void SkipBlock()
    {
        while (!_tokens.TryTake("{")) _tokens.Take();
        _tokens.SkipTo("}");
    }

    /// <summary>The name in JSON: underscores go, and the letter behind one becomes a capital.</summary>
    internal static string LowerCamelCase(string name)
    {
        var camel = new StringBuilder(name.Length);
        for (var at = 0; at < name.Length; at++)
            if (name[at] != '_') camel.Append(at > 0 && name[at - 1] == '_' ? char.ToUpperInvariant(name[at]) : name[at]);
        return camel.ToString();
    }

    private static List<ProtobufField> Ordered(ProtobufMessage message, List<Func<ProtobufField>> fields)
    {
        List<ProtobufField> ordered = [.. fields.Select(field => field()).OrderBy(field => field.Number)];
        for (var next = 1; next < ordered.Count; next++)
            if (ordered[next].Number == ordered[next - 1].Number) throw new FormatException($"two fields of {message.Name} have the number {ordered[next].Number}");
        return ordered;
    }

    private static ProtobufField Named(string name, int number, string? jsonName = null) => new() { Name = name, Number = number, JsonName = Encode(jsonName ?? LowerCamelCase(name)) };

    private static JsonEncodedText Encode(string name) => JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);

    /// <summary>What stands before a field's type, or around it.</summary>
    private readonly record struct Label(bool HasPresence = false, bool IsRequired = false, bool IsRepeated = false, int Oneof = -1);
}
