using System.Text;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Sources.Kafka.Decoding;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>Dead letters of one partition become rows, like records that were just read.</summary>
internal static class LetterDecoding
{
    /// <exception cref="PipelineException">The schema registry does not answer.</exception>
    public static DecodedLetters Decode(KafkaTableOptions table, int partition, IReadOnlyList<DeadLetter> letters, TableDecoders decoders)
    {
        var decoder = new RecordDecoder(table, decoders);
        var rejections = new RecordRejected?[letters.Count];
        var columns = new RecordColumns(KafkaSchemas.Of(table), partition, letters.Count, valueBytes: 4096, keyBytes: 1024);
        try
        {
            for (var i = 0; i < rejections.Length; i++)
            {
                var record = RecordOf(letters[i]);
                rejections[i] = decoder.Decode(record, out var row);
                if (rejections[i] is null) columns.Append(record, row);
            }

            return new DecodedLetters(columns.Rows == 0 ? null : columns.Build(), rejections, columns);
        }
        catch
        {
            columns.Dispose();
            throw;
        }
    }

    private static KafkaRecord RecordOf(DeadLetter letter) => new()
    {
        Offset = letter.Position,
        TimestampMs = letter.Timestamp?.ToUnixTimeMilliseconds() ?? -1,
        HasKey = letter.Key is not null,
        Key = letter.Key,
        HasValue = letter.Value is not null,
        Value = letter.Value,
        HeadersJson = letter.Headers is null ? default : Encoding.UTF8.GetBytes(letter.Headers),
    };
}
