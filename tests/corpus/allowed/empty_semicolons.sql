-- why: nothing between semicolons is nothing
SELECT 1 ;;
