namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>A record as its row has it; its texts are valid until the next record is decoded.</summary>
internal ref struct DecodedRecord
{
    /// <summary>Null where there is none.</summary>
    public OptionalBytes Key { get; set; }

    /// <summary>As the column holds it. In a change envelope the row after the change, of a delete the row that is gone.</summary>
    public OptionalBytes Value { get; set; }

    /// <summary>The row before the change, where an envelope says it.</summary>
    public OptionalBytes Before { get; set; }

    /// <summary>The members of the value that are known, separated by commas; null: all.</summary>
    public OptionalBytes Changed { get; set; }

    /// <summary>As in <see cref="Core.BronzeColumns.Op"/>.</summary>
    public byte Operation { get; set; }

    /// <summary>Null where values have none.</summary>
    public int? SchemaId { get; set; }
}
