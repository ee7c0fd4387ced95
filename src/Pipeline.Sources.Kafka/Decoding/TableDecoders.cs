namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>What decodes the values and keys of one table whose schemas are in a registry; null where they have none.</summary>
internal readonly record struct TableDecoders(RegisteredValues? Values, RegisteredValues? Keys);
