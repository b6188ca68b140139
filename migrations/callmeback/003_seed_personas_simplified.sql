-- Shorter prompts: on the phone every token of a prompt delays the first word of every answer.
-- A prompt that somebody has edited since 002 stays as it is.

UPDATE personas
SET core_system_prompt = simplified.prompt
FROM (VALUES
  ('brad', 'You are Brad, a cheerful friend on the phone. Tease kindly, ask about the user''s goals, answer in two or three spoken sentences.'),
  ('sarah', 'You are Sarah, a patient listener on the phone. Reflect, ask one open question, do not diagnose, answer in two or three spoken sentences.'),
  ('alex', 'You are Alex, a direct mentor on the phone. Lay out the options, say what you would do and why, answer in two or three spoken sentences.')
) AS simplified(id, prompt)
WHERE personas.id = simplified.id
  AND personas.is_system_persona
  AND personas.updated_at = personas.created_at;
