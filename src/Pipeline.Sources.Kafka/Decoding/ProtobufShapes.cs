using System.Collections.Frozen;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>What the documents are that <see cref="ProtobufToJson"/> writes of a message.</summary>
internal static class ProtobufShapes
{
    /// <summary>A value says which of the outermost messages it is.</summary>
    public static DocumentShape Of(ProtobufFile file) => DocumentShape.Either([.. file.Messages.Select(Of)]);

    private static DocumentShape Of(ProtobufMessage message) => message.WellKnown switch
    {
        ProtobufWellKnown.Timestamp => DocumentShape.Of(DocumentKinds.Moment),
        ProtobufWellKnown.Duration => DocumentShape.Of(DocumentKinds.Time),
        ProtobufWellKnown.FieldMask => DocumentShape.Of(DocumentKinds.Text),
        ProtobufWellKnown.Wrapper => Of(message.Fields[0]),
        ProtobufWellKnown.List => DocumentShape.List(() => DocumentShape.Any),
        ProtobufWellKnown.Struct => DocumentShape.Object(() => FrozenDictionary<string, DocumentShape>.Empty, () => DocumentShape.Any),
        ProtobufWellKnown.Value => DocumentShape.Any,
        _ => DocumentShape.Object(() => message.Fields.ToFrozenDictionary(field => field.JsonName.Value, Of, StringComparer.Ordinal)),
    };

    private static DocumentShape Of(ProtobufField field) =>
        field.IsMap ? DocumentShape.Object(() => FrozenDictionary<string, DocumentShape>.Empty, () => OfOne(field.Message!.Fields[1]))
        : field.IsRepeated ? DocumentShape.List(() => OfOne(field))
        : OfOne(field);

    private static DocumentShape OfOne(ProtobufField field) => field.Kind switch
    {
        ProtobufKind.Message => Of(field.Message!),
        // A number that has no name is written as it is.
        ProtobufKind.Enum => DocumentShape.Of(field.Enum!.IsNull ? DocumentKinds.None : DocumentKinds.Symbol | DocumentKinds.Integer),
        ProtobufKind.Bool => DocumentShape.Of(DocumentKinds.Boolean),
        ProtobufKind.String => DocumentShape.Of(DocumentKinds.Text),
        ProtobufKind.Bytes => DocumentShape.Of(DocumentKinds.Bytes),
        ProtobufKind.Double or ProtobufKind.Float => DocumentShape.Of(DocumentKinds.Number),
        ProtobufKind.Int64 or ProtobufKind.UInt64 or ProtobufKind.SInt64 or ProtobufKind.Fixed64 or ProtobufKind.SFixed64 => DocumentShape.Of(DocumentKinds.IntegerText),
        _ => DocumentShape.Of(DocumentKinds.Integer),
    };
}
