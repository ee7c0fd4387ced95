using System.Text.Json;
using Pipeline.Core;
using Pipeline.Sources.Snowflake.Catalog;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake.Decoding;

/// <summary>
/// Reads the rows of one partition's JSON (<c>"data": [[cell, ...], ...]</c>) into chunks: a single pass, no object a
/// row or cell. Memory is that of the longest row.
/// </summary>
internal sealed class RowReader : IDisposable
{
    private static ReadOnlySpan<byte> WholeCode => "090001"u8;

    private readonly string _thing;
    private readonly SplitId _split;
    private readonly string _table;
    private readonly TableShape _shape;
    private readonly JsonTokens _tokens;
    private readonly long _end;

    /// <summary>Rows come in the order of the watermark.</summary>
    private long _least;

    /// <param name="window">Where the watermarks lie of rows that are still to come.</param>
    /// <exception cref="JsonException">The body has no rows.</exception>
    public RowReader(string thing, SplitId split, string table, TableShape shape, PositionRange window, ResponseBody body)
    {
        (_least, _end) = (window.From, window.To);
        (_thing, _split, _table, _shape) = (thing, split, table, shape);
        _tokens = OpenRows(body);
    }

    /// <summary>How many rows a partition has, without reading them; for what is too large to be held until its end is seen.</summary>
    /// <exception cref="JsonException">The body has no rows, or ends among them.</exception>
    public static long Count(ResponseBody body)
    {
        using var tokens = OpenRows(body);
        var (rows, depth) = (0L, 0);
        while (true)
        {
            var reader = tokens.Reader();
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.StartArray && depth++ == 0) rows++;
                if (reader.TokenType == JsonTokenType.EndArray && depth-- == 0) return rows;
            }

            tokens.Accept(reader);
            tokens.Fill();
        }
    }

    /// <summary>Where rows lie, whatever their watermarks are; null: at these.</summary>
    public long? Position { get; init; }

    /// <summary>Watermark of the row that a full chunk ends before.</summary>
    public long NextPosition { get; private set; }

    /// <summary>Rows that were read, those that cannot be decoded among them.</summary>
    public long Rows { get; private set; }

    /// <summary>Reads rows into the chunk until it is full or the partition ends.</summary>
    /// <returns>True when the chunk is full: another one goes on with the row at <see cref="NextPosition"/>.</returns>
    public bool Read(ChunkAssembler chunk, long bytesMax)
    {
        while (true)
        {
            var reader = _tokens.Reader();
            while (true)
            {
                var (start, state) = (reader.BytesConsumed, reader.CurrentState);
                if (ReadRow(ref reader, chunk) is not { } row)
                {
                    chunk.UndoRow();
                    _tokens.Accept(start, state);
                    _tokens.Fill();
                    break;
                }

                if (row.IsEnd)
                {
                    _tokens.Accept(reader);
                    ReadEnd();
                    return false;
                }

                // A position that is not the row's own would have others passed over. No range ends behind the greatest number there is,
                // so that number lies with the one before it.
                if (row.Position == long.MaxValue && _end == long.MaxValue) row = row with { Position = long.MaxValue - 1 };
                if (row.Position < _least || row.Position >= _end) throw new JsonException($"A row's watermark {row.Position} is not between {_least} and {_end}.");
                _least = row.Position;
                if (chunk.Bytes >= bytesMax && chunk.Records > 0)
                {
                    chunk.UndoRow();
                    _tokens.Accept(start, state);
                    NextPosition = row.Position;
                    return true;
                }

                Rows++;
                if (row.BadColumn is not { } column)
                {
                    chunk.CompleteRow(Position ?? row.Position);
                    continue;
                }

                chunk.UndoRow();
                var json = _tokens.Window[(int)start..(int)reader.BytesConsumed].TrimStart(", \r\n\t"u8);
                chunk.AddDeadLetter(_split, _table, Position ?? row.Position, _shape.Columns[column].Name, json);
            }
        }
    }

    public void Dispose() => _tokens.Dispose();

    /// <summary>Reads what stands behind the rows: no others, and nothing that says that there are more.</summary>
    private void ReadEnd()
    {
        while (true)
        {
            var token = _tokens.Next(out var name);
            if (token == JsonTokenType.EndObject) break;
            if (token != JsonTokenType.PropertyName || name.SequenceEqual("data"u8)) throw new JsonException("Something else than the end stands behind the rows.");
            PassOver(_tokens, name);
        }

        _tokens.RequireEnd();
    }

    /// <summary>Opens an answer where its first row begins.</summary>
    private static JsonTokens OpenRows(ResponseBody body)
    {
        var tokens = new JsonTokens(body.Open());
        try
        {
            if (tokens.Next(out _) != JsonTokenType.StartObject) throw new JsonException("The answer is not a JSON object.");
            while (true)
            {
                if (tokens.Next(out var name) != JsonTokenType.PropertyName) throw new JsonException("The answer has no rows.");
                if (name.SequenceEqual("data"u8)) break;
                PassOver(tokens, name);
            }

            return tokens.Next(out _) == JsonTokenType.StartArray ? tokens : throw new JsonException("The answer's rows are not an array.");
        }
        catch
        {
            tokens.Dispose();
            throw;
        }
    }

    private static void PassOver(JsonTokens tokens, ReadOnlySpan<byte> property)
    {
        if (!property.SequenceEqual("code"u8))
        {
            tokens.SkipNext();
            return;
        }

        if (tokens.Next(out var code) == JsonTokenType.String && code.SequenceEqual(WholeCode)) return;
        throw new JsonException("Its code does not say that these are all rows.");
    }

    /// <summary>Appends the next row's cells; null when it is not all there yet.</summary>
    private Row? ReadRow(ref Utf8JsonReader reader, ChunkAssembler chunk)
    {
        if (!reader.Read()) return null;
        if (reader.TokenType == JsonTokenType.EndArray) return Row.End;
        if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException("A row is not an array.");
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.EndArray) return new Row(chunk.WatermarkOfRow());
            if (!chunk.TryAppend(reader)) return ReadBadRow(ref reader, chunk);
        }

        return null;
    }

    /// <summary>Reads the rest of a row with a bad cell, for its watermark.</summary>
    private Row? ReadBadRow(ref Utf8JsonReader reader, ChunkAssembler chunk)
    {
        var column = chunk.CellsInRow;
        var cell = column;
        long? position = column > _shape.Watermark ? chunk.WatermarkOfRow() : null;
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.EndArray) return new Row(position ?? throw NoPosition(), column);
            if (++cell == _shape.Watermark && !TryPosition(reader, out position)) throw NoPosition();
        }

        return null;
    }

    private bool TryPosition(in Utf8JsonReader cell, out long? position)
    {
        var isThere = _shape.IsTimestamp ? CellParsers.TryTimestamp(cell.ValueSpan, out var value) : CellParsers.TryLong(cell.ValueSpan, out value);
        position = value;
        return isThere;
    }

    private PipelineException NoPosition() => new(FaultKind.Invalid, _thing,
        $"a row's watermark in column '{_shape.Columns[_shape.Watermark].Name}' lies outside of years 1 to 9999 or of 64 bits",
        "Correct the row in Snowflake, or choose another watermark column.");

    /// <param name="BadColumn">The column whose cell cannot be decoded.</param>
    private readonly record struct Row(long Position, int? BadColumn = null, bool IsEnd = false)
    {
        public static readonly Row End = new(0, null, IsEnd: true);
    }
}
