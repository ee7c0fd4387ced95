using System.Text;
using Google.Protobuf.Reflection;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Writes the .proto text of a compiled file, for what the reference implementation has only compiled.</summary>
internal static class ProtobufText
{
    public static string Of(FileDescriptor file)
    {
        var proto = file.ToProto();
        var text = new StringBuilder($"syntax = \"{(proto.Syntax.Length == 0 ? "proto2" : proto.Syntax)}\";\npackage {proto.Package};\n");
        foreach (var import in proto.Dependency) text.AppendLine($"import \"{import}\";");
        foreach (var values in proto.EnumType) Write(text, values);
        foreach (var message in proto.MessageType) Write(text, message);
        return text.ToString();
    }

    private static void Write(StringBuilder text, DescriptorProto message)
    {
        text.AppendLine($"message {message.Name} {{");
        foreach (var values in message.EnumType) Write(text, values);
        foreach (var nested in message.NestedType.Where(nested => nested.Options?.MapEntry != true)) Write(text, nested);
        foreach (var field in message.Field.Where(field => !field.HasOneofIndex || field.Proto3Optional)) Write(text, message, field);
        for (var oneof = 0; oneof < message.OneofDecl.Count; oneof++)
        {
            var members = message.Field.Where(field => field.HasOneofIndex && field.OneofIndex == oneof && !field.Proto3Optional).ToList();
            if (members.Count == 0) continue;
            text.AppendLine($"oneof {message.OneofDecl[oneof].Name} {{");
            foreach (var member in members) text.AppendLine($"{Type(member)} {member.Name} = {member.Number};");
            text.AppendLine("}");
        }

        text.AppendLine("}");
    }

    private static void Write(StringBuilder text, DescriptorProto message, FieldDescriptorProto field)
    {
        var entry = message.NestedType.FirstOrDefault(nested => nested.Options?.MapEntry == true && field.TypeName.EndsWith($"{message.Name}.{nested.Name}", StringComparison.Ordinal));
        var type = entry is not null ? $"map<{Type(entry.Field[0])}, {Type(entry.Field[1])}>"
            : field.Label == FieldDescriptorProto.Types.Label.Repeated ? $"repeated {Type(field)}"
            : field.Label == FieldDescriptorProto.Types.Label.Required ? $"required {Type(field)}"
            : field.Proto3Optional || field.HasDefaultValue ? $"optional {Type(field)}"
            : Type(field);
        var options = field.JsonName.Length > 0 ? $" [json_name = \"{field.JsonName}\"]" : "";
        text.AppendLine($"{type} {field.Name} = {field.Number}{options};");
    }

    private static void Write(StringBuilder text, EnumDescriptorProto values)
    {
        text.AppendLine($"enum {values.Name} {{");
        foreach (var value in values.Value) text.AppendLine($"{value.Name} = {value.Number};");
        text.AppendLine("}");
    }

    private static string Type(FieldDescriptorProto field) => field.TypeName.Length > 0 ? field.TypeName : field.Type.ToString().ToLowerInvariant();
}
