-- Texts with their vectors, for finding what is alike. Plain arrays: no extension is needed.

CREATE TABLE vector_embeddings (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id UUID NOT NULL REFERENCES organizations(id),
  source_type VARCHAR(50) NOT NULL
    CONSTRAINT vector_embeddings_source_type_known CHECK (source_type IN ('knowledge_base', 'conversation', 'custom')),
  source_id VARCHAR(255) NOT NULL,
  text TEXT NOT NULL,
  embedding REAL[] NOT NULL,
  metadata JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
  -- Vectors of two models cannot be compared: another model is another number here, and all texts embedded anew.
  CONSTRAINT vector_embeddings_embedding_has_1536_numbers CHECK (
    array_ndims(embedding) = 1
    AND cardinality(embedding) = 1536
    AND array_position(embedding, NULL) IS NULL
    AND NOT embedding && '{NaN, Infinity, -Infinity}'
  )
);

CREATE INDEX idx_vector_embeddings_organization_id_source_type ON vector_embeddings(organization_id, source_type);
CREATE INDEX idx_vector_embeddings_source_id ON vector_embeddings(source_id);

-- From -1 to 1; NULL where a vector is all zeros. Vectors of two lengths are an error, never a low similarity.
CREATE FUNCTION cosine_similarity(a REAL[], b REAL[]) RETURNS DOUBLE PRECISION
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF cardinality(a) <> cardinality(b) THEN
    RAISE invalid_parameter_value
      USING MESSAGE = format('vectors of %s and %s numbers cannot be compared', cardinality(a), cardinality(b));
  END IF;
  RETURN (
    SELECT sum(x * y) / nullif(sqrt(sum(x * x)) * sqrt(sum(y * y)), 0)
    FROM unnest(a::double precision[], b::double precision[]) AS pair(x, y)
  );
END
$$;

-- The texts nearest to a vector, best first. It reads with the rights of whoever asks, so row filters hold.
CREATE FUNCTION nearest_embeddings(query REAL[], of_type TEXT DEFAULT NULL, at_most INTEGER DEFAULT 5)
RETURNS TABLE (id UUID, source_type VARCHAR, source_id VARCHAR, text TEXT, metadata JSONB, similarity DOUBLE PRECISION)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT e.id, e.source_type, e.source_id, e.text, e.metadata, cosine_similarity(e.embedding, query) AS similarity
  FROM vector_embeddings AS e
  WHERE of_type IS NULL OR e.source_type = of_type
  ORDER BY similarity DESC NULLS LAST, e.id
  LIMIT at_most;
END;

COMMENT ON TABLE vector_embeddings IS 'Texts with their vectors';
COMMENT ON COLUMN vector_embeddings.source_type IS 'knowledge_base, conversation or custom';
COMMENT ON COLUMN vector_embeddings.source_id IS 'Of the document; its table depends on source_type';
COMMENT ON FUNCTION cosine_similarity IS 'How alike two vectors are: -1 to 1';
COMMENT ON FUNCTION nearest_embeddings IS 'The texts nearest to a vector, best first';
