using System.Collections.Frozen;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>What the documents are that <see cref="AvroToJson"/> writes of a type's values.</summary>
internal static class AvroShapes
{
    public static DocumentShape Of(AvroType type) => type switch
    {
        AvroPrimitive primitive => OfPrimitive(primitive),
        AvroRecord record => DocumentShape.Object(() => record.Fields.DistinctBy(field => field.Name.Value, StringComparer.Ordinal).ToFrozenDictionary(field => field.Name.Value, field => Of(field.Type), StringComparer.Ordinal)),
        AvroUnion union => DocumentShape.Either([.. union.Branches.Where(branch => branch is not AvroPrimitive { Kind: AvroPrimitiveKind.Null }).Select(Of)]),
        AvroEnum => DocumentShape.Of(DocumentKinds.Symbol),
        AvroFixed bytes => bytes.IsDecimal ? DocumentShape.Of(DocumentKinds.Number, bytes.Scale) : DocumentShape.Of(DocumentKinds.Bytes),
        AvroArray array => DocumentShape.List(() => Of(array.Items)),
        AvroMap map => DocumentShape.Object(() => FrozenDictionary<string, DocumentShape>.Empty, () => Of(map.Values)),
        _ => DocumentShape.Any,
    };

    private static DocumentShape OfPrimitive(AvroPrimitive type) => (type.Kind, type.Logical) switch
    {
        (AvroPrimitiveKind.Null, _) => DocumentShape.Of(DocumentKinds.None),
        (AvroPrimitiveKind.Boolean, _) => DocumentShape.Of(DocumentKinds.Boolean),
        (AvroPrimitiveKind.Float or AvroPrimitiveKind.Double, _) => DocumentShape.Of(DocumentKinds.Number),
        (AvroPrimitiveKind.Bytes, AvroLogical.Decimal) => DocumentShape.Of(DocumentKinds.Number, type.Scale),
        (AvroPrimitiveKind.Bytes, _) => DocumentShape.Of(DocumentKinds.Bytes),
        (AvroPrimitiveKind.String, _) => DocumentShape.Of(DocumentKinds.Text),
        (_, AvroLogical.Date) => DocumentShape.Of(DocumentKinds.Day),
        (_, AvroLogical.TimeMillis or AvroLogical.TimeMicros) => DocumentShape.Of(DocumentKinds.Time),
        (_, AvroLogical.None) => DocumentShape.Of(DocumentKinds.Integer),
        _ => DocumentShape.Of(DocumentKinds.Moment),
    };
}
