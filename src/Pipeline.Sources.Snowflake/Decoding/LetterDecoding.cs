using System.Text.Json;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;

namespace Pipeline.Sources.Snowflake.Decoding;

/// <summary>Dead letters of one table become rows of its columns as they are now.</summary>
internal static class LetterDecoding
{
    public static DecodedLetters Decode(TableShape shape, IReadOnlyList<DeadLetter> letters)
    {
        var rejections = new RecordRejected?[letters.Count];
        var rows = new ChunkAssembler(shape);
        try
        {
            for (var i = 0; i < rejections.Length; i++)
            {
                rejections[i] = TryDecode(shape, letters[i], rows);
                if (rejections[i] is not null) rows.UndoRow();
            }

            var (batch, memory) = rows.BuildRows();
            return new DecodedLetters(batch, rejections, memory);
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    /// <summary>Null: the letter is a row now.</summary>
    private static RecordRejected? TryDecode(TableShape shape, DeadLetter letter, ChunkAssembler rows)
    {
        try
        {
            var reader = new Utf8JsonReader(letter.Value ?? []);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray) return OtherColumns();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (rows.CellsInRow == shape.Columns.Count) return OtherColumns();
                if (!rows.TryAppend(reader))
                    return new RecordRejected("undecodable_value", $"The value of column {shape.Columns[rows.CellsInRow].Name} is not of its type, or outside of what the lake can hold");
            }

            if (rows.CellsInRow != shape.Columns.Count || Math.Min(rows.WatermarkOfRow(), long.MaxValue - 1) != letter.Position) return OtherColumns();
            rows.CompleteRow(letter.Position);
            return null;
        }
        catch (JsonException)
        {
            return OtherColumns();
        }
    }

    private static RecordRejected OtherColumns() => new("other_columns", "The table's columns are others than when the row was read");
}
