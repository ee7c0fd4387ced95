namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>A row under a new key, of which the stream leaves out what is stored out of line and did not change: under this key nobody has it.</summary>
/// <param name="Key">The chunk's columns that identify the row, with the stream's bytes and their kind.</param>
/// <param name="Missing">The chunk's columns that were left out.</param>
internal sealed record MovedRow(IReadOnlyList<(int Column, byte Kind, byte[] Value)> Key, IReadOnlyList<int> Missing);
